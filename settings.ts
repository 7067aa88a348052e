// Every setting of the program, by area: a line here, in .env.example, in docs/operate.md and in compose.yml
// (tests/unit/settings.test.ts keeps them consistent).
import { isIP } from "node:net";
import Type from "typebox";

const Flag = (fallback: boolean) => Type.Boolean({ default: fallback });
const Whole = (minimum: number, maximum: number, fallback: number) =>
  Type.Integer({ minimum, maximum, default: fallback });
const Text = (fallback: string, pattern = "") => Type.String({ pattern, default: fallback });

/** The highest that every system accepts: some read larger ones as negative. */
const MOST_UID = 2 ** 31 - 1;
/** 32 bytes in base64. */
export const SECRET_KEY_FORM = "^[A-Za-z0-9+/]{43}=$";

export interface Setting<S extends Type.TSchema> {
  /** the variable's name in the environment */
  env: string;
  type: S;
  /** the requirement in words, where the type's own message would not do */
  must?: string | undefined;
  /** its value is never shown, and may come from a file that NAME_FILE names */
  secret: boolean;
}
const setting =
  (secret: boolean) =>
  <S extends Type.TSchema>(env: string, type: S, must?: string): Setting<S> => ({ env, type, must, secret });
const [plain, secret] = [setting(false), setting(true)];

/** Whether a database's address can be taken apart; a `/` or `%` of its password that is written as such prevents it. */
function isReadable(address: string): boolean {
  try {
    const { username, password } = new URL(address);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}
const ofDatabase = (user: string) =>
  `must look like mysql://${user}:password@host:3306/database, with / ? # and % in the password as %2F %3F %23 %25`;
const Address = Type.Refine(Type.String({ pattern: "^mysql://[^/]+/[A-Za-z0-9_]+" }), isReadable);
const DATABASE_URL = secret("DATABASE_URL", Address, ofDatabase("user"));

/** A CIDR block. */
function isNetwork(text: string): boolean {
  const [address = "", bits = ""] = text.split("/");
  return isIP(address) > 0 && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
}

/** Every variable that the program reads, by area; `.env.example` explains each. */
export const PROGRAM = {
  database: { url: DATABASE_URL },
  server: {
    host: plain("HOST", Text("127.0.0.1")),
    port: plain("PORT", Whole(0, 65535, 3000)),
    publishAddress: plain("PUBLISH_ADDRESS", Text("")),
    scheduler: plain("SCHEDULER", Flag(false)),
    webConcurrency: plain("WEB_CONCURRENCY", Whole(1, 64, 1)),
    expireEverySeconds: plain("EXPIRE_EVERY", Whole(1, 59, 5)),
    logLevel: plain(
      "LOG_LEVEL",
      Type.Union([Type.Literal("debug"), Type.Literal("info"), Type.Literal("warn"), Type.Literal("error")], {
        default: "info",
      }),
      "must be debug, info, warn or error",
    ),
  },
  http: {
    prettyJson: plain("PRETTY_JSON", Flag(false)),
    /** per user and API process; 0: no limit */
    maxRequestsPerMinute: plain("MAX_REQUESTS_PER_MINUTE", Whole(0, 1_000_000, 600)),
    /** our own proxy sends it; empty: no forwarded address is trusted */
    proxySecret: secret(
      "PROXY_SECRET",
      Text("", "^$|^[A-Za-z0-9_-]{16,256}$"),
      "must be 16 to 256 letters, digits, _ and -",
    ),
  },
  secrets: {
    secretKey: secret(
      "SECRET_KEY",
      Type.String({ pattern: SECRET_KEY_FORM }),
      "must be 32 random bytes in base64; make one with: openssl rand -base64 32",
    ),
    /** empty: no token is required */
    adminToken: secret(
      "ADMIN_TOKEN",
      Text("", "^$|^[!-~]{16,256}$"),
      "must be 16 to 256 printable characters without spaces",
    ),
  },
  ssh: {
    timeoutSeconds: plain("SSH_TIMEOUT_SECONDS", Whole(1, 120, 10)),
    concurrency: plain("SSH_CONCURRENCY", Whole(1, 1000, 20)),
    /** CIDR blocks in which a machine may live; none: anywhere */
    networks: plain(
      "ALLOWED_MACHINE_NETWORKS",
      Type.Array(Type.Refine(Type.String({ pattern: "^[0-9a-fA-F:.]+/[0-9]{1,3}$" }), isNetwork), {
        default: [],
      }),
      "must be networks such as 10.0.0.0/8, separated by commas",
    ),
  },
  /** the range for accounts on the machines, inclusive */
  uids: {
    first: plain("UID_MIN_POOL", Whole(1000, MOST_UID, 20_000)),
    last: plain("UID_MAX_POOL", Whole(1000, MOST_UID, 59_999)),
  },
  /** the pool's dependencies have fields of the same names (deps.ts) */
  pool: {
    maxDurationMinutes: plain("MAX_DURATION_MINUTES", Whole(1, 525_600, 10_080)),
    maxMachinesPerUser: plain("MAX_MACHINES_PER_USER", Whole(0, 100_000, 0)),
    bookAheadDays: plain("BOOK_AHEAD_DAYS", Whole(1, 3650, 90)),
    /** requests that one user may have in the queue at once, and bookings; 0: no limit */
    maxQueued: plain("MAX_QUEUED", Whole(0, 100_000, 20)),
    maxBooked: plain("MAX_BOOKED", Whole(0, 100_000, 200)),
    /** how often a user may extend a reservation; 0: no limit */
    maxExtensions: plain("MAX_EXTENSIONS", Whole(0, 1000, 0)),
    /** after how many failed probes in a row a held machine is replaced, if its reservation asks for that */
    replaceAfter: plain("REPLACE_AFTER", Whole(1, 100, 3)),
    historyDays: plain("HISTORY_DAYS", Whole(1, 3650, 30)),
    requireHostKey: plain("REQUIRE_HOST_KEY", Flag(false)),
    accountNames: plain(
      "ACCOUNT_NAMES",
      Type.Union([Type.Literal("own"), Type.Literal("any")], { default: "any" }),
      "must be own or any",
    ),
    machineLocalhost: plain("MACHINE_LOCALHOST", Text("", "^[A-Za-z0-9.:-]*$")),
  },
};

/** What the maintenance commands read (commands.ts); the API and the scheduler never get the owner's password. */
export const MAINTENANCE = {
  database: {
    url: DATABASE_URL,
    ownerUrl: secret("DATABASE_OWNER_URL", Address, ofDatabase("owner")),
  },
  /** how long the database keeps an event; 0: forever */
  events: { days: plain("EVENTS_DAYS", Whole(0, 36_500, 365)) },
};
