import { config } from "../config.ts";
import { expire } from "../pool/reservations/expire.ts";
import { job } from "./job.ts";

/** Ends reservations whose time is up, and removes their accounts. */
export default job("expire", `*/${config().expireEverySeconds} * * * * *`, expire);
