// The database server of a whole run, for all of its test processes: tells its socket, and goes when its input ends.
import { startDatabase } from "./database.ts";

const server = await startDatabase();
await server.database(); // so that the template is there
console.log(server.socket);
for await (const _ of Bun.stdin.stream());
await server.stop();
