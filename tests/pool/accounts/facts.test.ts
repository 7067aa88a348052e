// What a machine says of itself: a real one tells the truth, and a lie stays short, plain and about itself.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { accountsOverSsh } from "../../../pool/accounts/accounts.ts";
import type { Target } from "../../../pool/accounts/connect.ts";
import { factsIn } from "../../../pool/accounts/facts.ts";
import { KINDS, lacks, startBox } from "../../faults/tools/box.ts";
import { type FakeMachine, startFake } from "../../faults/tools/fake_ssh.ts";
import { startMachines, type TestMachine } from "../../support/machines.ts";

setDefaultTimeout(60_000);

const accounts = accountsOverSsh(10, 5);
const toLogin = ({ host, port, user, password }: TestMachine | FakeMachine): Target => ({
  host,
  port,
  user,
  secret: { kind: "password", value: password },
  hostKey: null,
});

let machine: TestMachine;
beforeAll(async () => {
  machine = (await startMachines(1, { prefix: "fact-" }))[0] as TestMachine;
});
afterAll(() => machine.stop());

for (const kind of KINDS)
  test.skipIf(lacks(kind))(`a look and a cleaning tell what the machine is: ${kind}`, async () => {
    const { machine: itself, target, stop } = await startBox(kind, "facts");
    const said = async (command: string) => (await itself.exec(command)).stdout.trim();
    const { facts } = await accounts.look(target);
    expect(facts).toEqual({
      os: await said('. /etc/os-release; echo "$ID"'),
      arch: await said("uname -m"),
      cpus: await said("nproc"),
      ram: await said(
        "awk '$1 == \"MemTotal:\" { n = $2 / 1048576; print int(n) + (n > int(n)) }' /proc/meminfo",
      ),
      disk: await said("df -Pk / | awk 'NR == 2 { n = $2 / 1048576; print int(n) + (n > int(n)) }'"),
      kernel: await said("uname -r"),
    });
    expect(facts.os).toMatch(/^[a-z]+$/);
    expect(await accounts.clean(target, 1, null)).toMatchObject({
      identity: expect.stringMatching(/^[0-9a-f]{32}$/),
      facts,
    });
    await stop();
  });

test("what can't be learnt is left out, and is no fault", async () => {
  const target = toLogin(machine);
  await machine.exec(
    `cp /etc/os-release /root/os; rm /etc/os-release; printf 'NAME=x\\nID="Red\\\\Hat"\\nID_LIKE=no' >/etc/os-release
     mv "$(command -v nproc)" /root/nproc`,
  );
  const { facts } = await accounts.look(target);
  expect(facts.os).toBe("redhat");
  expect(Object.keys(facts)).toEqual(["os", "arch", "ram", "disk", "kernel"]);
  await machine.exec('rm /etc/os-release; mv "$(command -v df)" /root/df');
  expect(Object.keys((await accounts.look(target)).facts)).toEqual(["arch", "ram", "kernel"]);
  expect(Object.keys((await accounts.clean(target, 2, null)).facts)).toEqual(["arch", "ram", "kernel"]);
  await machine.exec("mv /root/os /etc/os-release; mv /root/nproc /root/df /usr/bin/");
});

const READY = "READY 0 0123456789abcdef0123456789abcdef";
const LIES: [string, string, Record<string, string>][] = [
  ["nothing", "", {}],
  ["another word", "FACTSos=debian", {}],
  ["no values", "FACTS os= arch cpus= ram= =", {}],
  [
    "names of its own",
    "FACTS __proto__=x constructor=x gpu=yes fact.os=x os=alpine fact.gpu=yes",
    { os: "alpine" },
  ],
  ["the same twice", "FACTS os=Alpine os=debian", { os: "alpine" }],
  [
    "control characters and quotes",
    'FACTS os=\u001b[2J"De\u202ebian\u0000" kernel=<b>6.12\u2028\u0007&amp;"\\ arch=$(x86_64)',
    { os: "2jdebian", arch: "x86_64", kernel: "b6.12amp" },
  ],
  ["numbers that are none", "FACTS cpus=-1 ram=1e9 disk=0x10", {}],
  ["numbers that no machine has", `FACTS cpus=${"9".repeat(13)} ram=0 disk=${"9".repeat(400)}`, {}],
  ["a part of a GiB", "FACTS cpus=1 ram=1 disk=1048577", { cpus: "1", ram: "1", disk: "2" }],
  [
    "a long story",
    `FACTS kernel=${"k".repeat(60_000)} os=${"é".repeat(99)}x`,
    { kernel: "k".repeat(64), os: "x" },
  ],
];
for (const [what, line, facts] of LIES)
  test(`a machine that says ${what} has ${JSON.stringify(facts).slice(0, 60)}`, async () => {
    expect(factsIn([line, READY])).toEqual(facts);
    // Only just before the last line: nothing that a holder's file is called can be taken for it.
    expect(factsIn([line, "removed", READY])).toEqual({});
    expect(factsIn([READY, line])).toEqual({});
    const fake = await startFake();
    fake.behaviour = { say: (truth) => ({ text: `${line}\n${truth}\n`, status: 0 }) };
    expect(await accounts.look(toLogin(fake))).toMatchObject({ accounts: 0, identity: fake.identity, facts });
    fake.stop();
  });
