// The database server of a whole run, for all of its test processes: prints its socket, and ends when its input does.
import { startDatabase } from "./database.ts";

const server = await startDatabase();
await server.database(); // so that the template exists
console.log(server.socket);
for await (const _ of Bun.stdin.stream());
await server.stop();
