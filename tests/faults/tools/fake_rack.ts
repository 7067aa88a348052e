// Many fake machines in a separate process: `bun tests/faults/tools/fake_rack.ts COUNT FOLDER`, where FOLDER has
// the files key and password. Prints one line of JSON ({name, port, identity} of each), then serves until its standard input ends.
import { readFileSync } from "node:fs";
import { startFake } from "./fake_ssh.ts";

const [count, folder] = process.argv.slice(2);
const key = readFileSync(`${folder}/key`, "utf8");
const password = readFileSync(`${folder}/password`, "utf8");
const machines = [];
for (let n = 1; n <= Number(count); n++) machines.push(await startFake({ name: `rack-${n}`, key, password }));
console.log(
  JSON.stringify(machines.map(({ name, port, identity, hostKey }) => ({ name, port, identity, hostKey }))),
);
for await (const _ of process.stdin);
process.exit(0);
