import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Account, accountsOverSsh } from "../../../pool/accounts/accounts.ts";
import type { Target } from "../../../pool/accounts/connect.ts";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { startMachines, type TestMachine } from "../../support/machines.ts";
import { canLogIn, ssh } from "../../support/ssh.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(120_000);

const accounts = accountsOverSsh(10, 5);
const HOUR = 3600;
const password = { kind: "password", password: "pass word" } as const;
let machine: TestMachine;
let target: Target;
let generation = 1;
let uid = 20_100;

beforeAll(async () => {
  machine = (await startMachines(1, { prefix: "acc-" }))[0] as TestMachine;
  const base = { host: machine.host, port: machine.port, user: machine.user };
  target = { ...base, secret: { kind: "password", value: machine.password }, hostKey: null };
  target.hostKey = (await accounts.look(target)).hostKey;
});
afterAll(() => machine.stop());

const someone = (username: string): Account => ({ username, uid: uid++, mark: crypto.randomUUID() });
const fault = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => {
      if (error instanceof MachineFault) return error.kind;
      throw error;
    },
  );
const out = async (command: string) => (await machine.exec(command)).stdout.trim();

test("made twice, it is the same account, and what its user did in the meantime stays", async () => {
  const ann = someone("ann");
  await accounts.create(target, generation, ann, password, HOUR);
  const login = { port: machine.port, username: "ann", password: password.password };
  await ssh(login, "echo mine >note; rm -rf .ssh; ln -s /root/.ssh .ssh");
  await machine.exec("mkdir -p /root/.ssh; echo rootkey >/root/.ssh/authorized_keys");
  await accounts.create(target, generation, ann, { kind: "keys", keys: ["ssh-ed25519 AAAA"] }, HOUR);
  expect(await out("cat /root/.ssh/authorized_keys")).toBe("rootkey");
  await accounts.create(target, generation, ann, password, HOUR);
  expect(await ssh(login, "cat note; id -u")).toBe(`mine\n${ann.uid}`);
  await accounts.clean(target, generation, ann);
  expect(await out("cat /root/.ssh/authorized_keys; ls /home")).toBe("rootkey");
  await accounts.clean(target, generation, ann);
});

test("a hostile user leaves nothing behind", async () => {
  const mal = someone("mal");
  await accounts.create(target, generation, mal, password, HOUR);
  const login = { port: machine.port, username: "mal", password: password.password };
  await ssh(
    login,
    `cp /bin/sh /var/tmp/rootme; chmod 4755 /var/tmp/rootme; mkdir -p /tmp/d/e /dev/shm/x; echo 1 >/tmp/d/e/f; echo 2 >/dev/shm/x/y
     ipcmk -M 4096 >/dev/null; ipcmk -Q >/dev/null; ipcmk -S 2 >/dev/null
     for i in 1 2 3 4 5; do (trap '' TERM HUP INT QUIT; while :; do sleep 1; done) >/dev/null 2>&1 </dev/null & done
     setsid sh -c 'trap "" TERM HUP; while :; do sh -c "sleep 0.01" & wait; done' >/dev/null 2>&1 </dev/null &
     true`,
  );
  await machine.exec(
    `mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs /var/mail
     printf '* * * * * id\n' >/var/spool/cron/crontabs/mal; chown mal /var/spool/cron/crontabs/mal
     echo id >/var/spool/cron/atjobs/a0001; chown mal /var/spool/cron/atjobs/a0001; touch /var/mail/mal; chown mal /var/mail/mal
     mkdir -p /home/mal/mnt; mount -t tmpfs tmpfs /home/mal/mnt; usermod -c "${mal.mark},room 1" mal`,
  );
  await until("all is running", 20_000, async () => Number(await out("ps -u mal -o pid= | wc -l")) > 5);
  const { proof } = await accounts.clean(target, generation, mal);
  expect(proof).toEqual({
    said: `CLEAN mal ${mal.uid}`,
    counts: {
      processes: expect.any(Number),
      homeFiles: expect.any(Number),
      // rootme, d, e, f, x, y, the crontab, the at job, the mailbox
      sweptFiles: 9,
      ipc: 3,
      mounts: 1,
    },
  });
  expect(proof.counts?.processes).toBeGreaterThan(5);
  expect(await out("grep mal /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid /etc/subgid")).toBe(
    "",
  );
  expect(await out(`ps -u ${mal.uid} -o pid=`)).toBe("");
  expect(
    await out(
      `find /tmp /var/tmp /dev/shm /run /var/spool /var/mail /home -uid ${mal.uid}; ls /home; ls /var/tmp`,
    ),
  ).toBe("");
  expect(
    await out(
      `cat /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem | grep -w ${mal.uid}; grep /home/mal /proc/mounts`,
    ),
  ).toBe("");
});

test("shared memory is removed even if root has few capabilities, as in a container", async () => {
  const few = (await startMachines(1, { prefix: "few-", privileged: false }))[0] as TestMachine;
  const there = {
    ...target,
    port: few.port,
    hostKey: null,
    secret: { kind: "password" as const, value: few.password },
  };
  const sam = someone("sam");
  await accounts.create(there, generation, sam, password, HOUR);
  await ssh(
    { port: few.port, username: "sam", password: password.password },
    "ipcmk -M 4096; ipcmk -Q; ipcmk -S 1",
  );
  await accounts.clean(there, generation, sam);
  expect((await few.exec("cat /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem | wc -l")).stdout).toBe(
    "3\n",
  );
  await few.stop();
});

test("a foreign account is neither changed nor removed", async () => {
  await machine.exec(
    "useradd -m -u 1600 local; echo theirs >/home/local/f; mkdir /home/ghost; echo 1 >/home/ghost/f",
  );
  const local = someone("local");
  expect(await fault(accounts.create(target, generation, local, password, HOUR))).toBe("foreign_account");
  await accounts.clean(target, generation, local);
  expect(await fault(accounts.create(target, generation, someone("ghost"), password, HOUR))).toBe(
    "foreign_account",
  );
  await accounts.clean(target, generation, { ...local, username: "ghost" });
  expect(await out("cat /home/local/f /home/ghost/f; id -u local")).toBe("theirs\n1\n1600");
  const again = someone("again");
  await accounts.create(target, generation, again, password, HOUR);
  expect(
    await fault(accounts.create(target, generation, { ...again, mark: crypto.randomUUID() }, password, HOUR)),
  ).toBe("leftovers");
  await accounts.clean(target, generation, again);
  const same = { ...someone("later"), uid: again.uid };
  expect(await fault(accounts.create(target, generation, same, password, HOUR))).toBe("uid_taken");
});

test("a late step is refused, and a newer step kills an older one that hangs", async () => {
  const old = generation;
  generation += 2;
  const bea = someone("bea");
  await accounts.create(target, generation, bea, password, HOUR);
  expect(await fault(accounts.clean(target, old, bea))).toBe("fenced");
  expect(await canLogIn({ port: machine.port, username: "bea", password: password.password })).toBe(true);
  // A step that holds the machine's lock: a removal stopped halfway.
  await machine.exec(
    "mv /usr/bin/mktemp /usr/bin/mktemp.real; printf '#!/bin/sh\nsleep 25\n' >/usr/bin/mktemp; chmod 755 /usr/bin/mktemp",
  );
  const hanging = fault(accounts.clean(target, generation, bea));
  await until("the removal hangs", 10_000, async () => (await out("pgrep -fx 'sleep 25'")) !== "");
  await machine.exec("mv /usr/bin/mktemp.real /usr/bin/mktemp");
  const from = performance.now();
  await accounts.clean(target, ++generation, bea);
  expect(performance.now() - from).toBeLessThan(9000);
  expect(await hanging).toBe("timeout");
  expect(await out("pgrep -x sleep")).toBe("");
});

/** Tools that end before they have seen everything: killed for lack of memory, say. */
const BLIND: Record<string, [tool: string, instead: string]> = {
  "find ends before the last place": [
    "find",
    'case "$*" in *" -xdev "*) set -f; set -- $(echo "$*" | sed "s# [^ ]* -xdev# -xdev#") ;; esac; exec /usr/bin/find.real "$@"',
  ],
  "mounts can't be listed": [
    "awk",
    'case "$*" in */proc/mounts*) exit 1 ;; esac; exec /usr/bin/awk.real "$@"',
  ],
  "no process is seen": ["awk", 'case "$*" in *Tgid*) exit 0 ;; esac; exec /usr/bin/awk.real "$@"'],
  "the list of processes is cut off": ["xargs", 'head -n 3 | exec /usr/bin/xargs.real "$@"'],
  "none of the user's processes is seen": [
    "awk",
    'case "$*" in *Tgid*) exec /usr/bin/awk.real -v theirs=1 -v self=$PPID "$@" | grep -v -e "^pid" -e "^uid" ;; esac; exec /usr/bin/awk.real "$@"',
  ],
};
for (const [name, [tool, instead]] of Object.entries(BLIND))
  test(`an incomplete check proves nothing: ${name}`, async () => {
    const eve = someone("eve");
    await accounts.create(target, generation, eve, password, HOUR);
    await machine.exec(
      `mv /usr/bin/${tool} /usr/bin/${tool}.real; cat >/usr/bin/${tool}; chmod 755 /usr/bin/${tool}`,
      `#!/bin/sh\n${instead}\n`,
    );
    const got = await fault(accounts.clean(target, generation, eve));
    await machine.exec(`mv /usr/bin/${tool}.real /usr/bin/${tool}`);
    expect(got).toBe("leftovers");
    await accounts.clean(target, generation, eve);
  });

test("orphaned accounts are removed too; a machine with one accepts no new account", async () => {
  const [one, two] = [someone("lostone"), someone("losttwo")];
  await accounts.create(target, generation, one, password, HOUR);
  expect((await accounts.look(target)).accounts).toBe(1);
  expect(await fault(accounts.create(target, generation, two, password, HOUR))).toBe("leftovers");
  // Even if the machine lost its record: the account itself carries the mark.
  await machine.exec("rm /var/lib/machine-manager/given");
  await accounts.clean(target, generation, null);
  expect(await out("ls /home | grep lost")).toBe("");
});

test("the whole disk is swept for files of former holders, and of nobody else", async () => {
  const dan = someone("dan");
  await accounts.create(target, generation, dan, password, HOUR);
  await machine.exec(
    `mkdir -p -m 777 /opt/share; touch /opt/share/his /opt/share/other; chown ${dan.uid} /opt/share/his; chown 30000 /opt/share/other`,
  );
  await accounts.clean(target, generation, dan);
  expect(await out("ls /opt/share")).toBe("his\nother");
  expect(await accounts.sweep(target, generation, null)).toBeGreaterThan(0);
  expect(await out("ls /opt/share; cat /var/lib/machine-manager/used")).toBe("other");
});

test("a different host key, a wrong password, silence, nobody there: each has its class", async () => {
  const other = (await startMachines(1, { prefix: "other-" }))[0] as TestMachine;
  expect(await fault(accounts.look({ ...target, port: other.port }))).toBe("host_key");
  await other.stop();
  expect(await fault(accounts.look({ ...target, port: other.port }))).toBe("unreachable");
  expect(await fault(accounts.look({ ...target, secret: { kind: "password", value: "no" } }))).toBe("auth");
  expect(await fault(accounts.look({ ...target, secret: { kind: "private_key", value: "no" } }))).toBe(
    "auth",
  );
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(await fault(accounts.look({ ...target, port: silent.port }))).toBe("unreachable");
  silent.stop(true);
});

test("no process list shows a secret while a step runs", async () => {
  const kim = someone("kim");
  await machine.exec(
    "mv /usr/sbin/chpasswd /usr/sbin/chpasswd.real; printf '#!/bin/sh\nps -ef >/tmp/seen; exec /usr/sbin/chpasswd.real\n' >/usr/sbin/chpasswd; chmod 755 /usr/sbin/chpasswd",
  );
  await accounts.create(target, generation, kim, { kind: "password", password: "very-secret" }, HOUR);
  await machine.exec("mv /usr/sbin/chpasswd.real /usr/sbin/chpasswd");
  expect(await out("cat /tmp/seen")).toContain("chpasswd");
  expect(await out("cat /tmp/seen")).not.toContain("very-secret");
  await accounts.clean(target, generation, kim);
});

test("a machine whose output never ends is cut off", async () => {
  await machine.exec(
    "mv /usr/bin/timeout /usr/bin/timeout.real; printf '#!/bin/sh\nyes 012345678901234567890123456789\n' >/usr/bin/timeout; chmod 755 /usr/bin/timeout",
  );
  expect(await fault(accounts.look(target))).toBe("failed");
  await machine.exec("printf '#!/bin/sh\nprintf \"READY \\\\033[2Jx\\\\n\"; exit 1\n' >/usr/bin/timeout");
  expect(await fault(accounts.look(target))).toBe("failed");
  await machine.exec("mv /usr/bin/timeout.real /usr/bin/timeout");
  expect((await accounts.look(target)).accounts).toBe(0);
});
