// Fault 0: a hostile user. Whatever they leave, the machine is clean afterwards, root's files are unchanged, and the next user
// sees none of it.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../config.ts";
import { build } from "../../deps.ts";
import { sweep } from "../../pool/lifecycle/sweep.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { type Checkable, check, settle } from "./tools/checker.ts";
import { type Container, engine, startContainer } from "./tools/container.ts";
import { Ledger } from "./tools/ledger.ts";
import type { Lookable } from "./tools/look.ts";
import { injected, more } from "./tools/table.ts";

setDefaultTimeout(more(300_000));

let pool: TestPool;
let container: Container | undefined;
beforeAll(async () => {
  pool = await startPool(1, { scheduler: true, prefix: "hos-", settings: { SSH_TIMEOUT_SECONDS: "5" } });
  if (engine) container = await startContainer("busybox");
});
afterAll(async () => {
  await container?.stop();
  await pool.stop();
});

/** What the user does directly, over SSH. */
const BY_USER = `
rm -rf .ssh; ln -s /root/.ssh .ssh; ln -s /etc/shadow stolen; ln -s /root rootlink
cp /bin/sh /var/tmp/rootme; chmod 4755 /var/tmp/rootme; cp /bin/sh /dev/shm/rootme; chmod 6755 /dev/shm/rootme
mkdir -p /tmp/d/e/f /dev/shm/x /var/tmp/0; echo 1 >/tmp/d/e/f/g; chmod 000 /tmp/d/e/f; mkfifo /tmp/fifo
mkdir "/tmp/two
lines"; touch "/tmp/two
lines/a b" "/tmp/-rf" "/tmp/*" /tmp/.hidden; chmod 1777 /var/tmp/0
d=/tmp/deep; mkdir $d; (cd $d; n=0; while [ $n -lt 300 ]; do mkdir aaaaaaaaaaaaaaaaaaaaaaa && cd aaaaaaaaaaaaaaaaaaaaaaa || break; n=$((n+1)); done)
ipcmk -M 4096; ipcmk -Q; ipcmk -S 2
(unshare -Urm sh -c 'mkdir -p ~/m; mount -t tmpfs t ~/m; touch ~/m/x; trap "" TERM; sleep 10000' >/dev/null 2>&1 </dev/null &)
n=0; while [ $n -lt 400 ]; do (trap '' TERM HUP INT QUIT USR1 USR2 ALRM PIPE; while :; do sleep 10000; done) >/dev/null 2>&1 </dev/null & n=$((n+1)); done
for i in 1 2 3; do (trap '' TERM HUP INT QUIT USR1 USR2 ALRM PIPE; while :; do sleep 0.05 & sleep 0.05 & wait; done) >/dev/null 2>&1 </dev/null & done
(trap '' TERM HUP; setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; touch /tmp/again /var/tmp/again /dev/shm/again; done') >/dev/null 2>&1 </dev/null &
echo done`;

/** What the user does through programs that act for them: cron, at, chfn, newuidmap, fusermount, logind, mail. */
const FOR_USER = (name: string, uid: number) => `
for d in /var/spool/cron/crontabs /etc/crontabs; do [ -d $d ] || continue; printf '* * * * * touch /tmp/cron\\n' >$d/${name}; chown ${uid} $d/${name}; done
mkdir -p /var/spool/cron/atjobs /var/mail /var/lib/systemd/linger /run/user/${uid}/bus
printf '#!/bin/sh\\n# atrun uid=${uid} gid=${uid}\\ntouch /tmp/at\\n' >/var/spool/cron/atjobs/a00001019d1234; chown ${uid} /var/spool/cron/atjobs/a00001019d1234
touch /var/mail/${name} /var/lib/systemd/linger/${name}; chown -R ${uid} /var/mail/${name} /run/user/${uid}
sed -i 's/^\\(${name}:[^:]*:[^:]*:[^:]*:[^:,]*\\):/\\1,room 1,,:/' /etc/passwd
mkdir -p /home/${name}/mnt && mount -t tmpfs tmpfs /home/${name}/mnt && touch /home/${name}/mnt/x
sub=$(grep ^${name}: /etc/subuid 2>/dev/null | cut -d: -f2)
[ -z "$sub" ] || { touch /tmp/subfile; chown $((sub + 5)) /tmp/subfile; setpriv --reuid=$((sub + 5)) --clear-groups sleep 10000 >/dev/null 2>&1 </dev/null & }
mkdir -p -m 777 /opt/share; echo 1 >/opt/share/his; chown ${uid} /opt/share/his; chmod 4755 /opt/share/his
mkdir /tmp/theirs; chown ${uid} /tmp/theirs; echo keep >/tmp/theirs/roots
true`;

/** Root's files, by content, owner and mode. */
const ROOTS =
  "find /root /etc -xdev ! -name 'passwd*' ! -name 'shadow*' ! -name 'group*' ! -name 'gshadow*' ! -name 'sub?id*' ! -name crontabs ! -path '/etc/crontabs/*' -exec ls -ldn {} + | sed 's/ *[^ ]* [^ ]* [^ ]* \\//  \\//' | md5sum; cat /root/.ssh/authorized_keys; grep -c . /root/.ssh/authorized_keys; sed -n '/^root:/p' /etc/passwd /etc/shadow";

async function attack(machine: Lookable, where: Checkable, fault: string, times: number): Promise<void> {
  const bad: string[] = [];
  let slowest = 0;
  let calm = 0;
  // Don't start another one on a machine that is not clean.
  for (let n = 0; n < times && bad.length === 0; n++) {
    const ledger = new Ledger();
    await machine.exec("mkdir -p -m 700 /root/.ssh; echo rootkey >/root/.ssh/authorized_keys");
    // An ordinary user first, to compare.
    const mild = await ledger.reserve(pool.api, `mild${n}`, 1);
    const fromMild = performance.now();
    await ledger.release(pool.api, mild);
    calm = performance.now() - fromMild;
    const before = (await machine.exec(ROOTS)).stdout;

    const mal = await ledger.reserve(pool.api, `mal${n}`, 1);
    if (mal.outcome !== "granted") throw new Error(`can't set up: ${mal.status}`);
    const [{ uid }] = await pool.sql("SELECT uid FROM reservations WHERE id = ?", [mal.id]);
    const login = { port: machine.port, username: mal.username, password: mal.password };
    console.log("attacking");
    await ssh(login, BY_USER);
    console.log("planted by the user");
    const planted = await machine.exec(FOR_USER(mal.username, uid));
    if (planted.code !== 0) throw new Error(planted.stderr);
    await until("the bomb has its processes", 30_000, async () => {
      const seen = await machine.exec(`grep -lE '^Uid:.${uid}' /proc/[0-9]*/status 2>/dev/null | wc -l`);
      return Number(seen.stdout) >= 700;
    });
    // A client that reconnects in a tight loop, until it is finally refused.
    let knocking = true;
    let entered = 0;
    const knock = Promise.all(
      [1, 2, 3].map(async () => {
        while (knocking)
          await ssh(
            login,
            "touch /tmp/knock /dev/shm/knock; (trap '' TERM; sleep 10000) >/dev/null 2>&1 </dev/null &",
          ).then(
            () => entered++,
            () => Bun.sleep(5),
          );
      }),
    );
    await until("it got in", 30_000, () => entered > 0);
    const from = performance.now();
    await ledger.release(pool.api, mal);
    slowest = Math.max(slowest, performance.now() - from);
    knocking = false;
    await knock;
    bad.push(...(await settle(where)));

    // What is in places where a removal does not look is left for the daily sweep; everything else is gone by now.
    const early = await check(where, { ledger });
    bad.push(...early.filter((line) => !line.includes("file /opt/share/")));
    const deps = build(readConfig(pool.settings));
    await pool.sql("UPDATE machines SET sweep_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE name = ?", [
      machine.name,
    ]);
    await sweep(deps);
    await deps.database.close();
    bad.push(...(await check(where, { ledger })));
    const after = (await machine.exec(ROOTS)).stdout;
    if (after !== before) bad.push(`I6 root's files changed:\n${before}\n${after}`);
    if ((await machine.exec("cat /tmp/theirs/roots")).stdout !== "keep\n")
      bad.push("I6 root's file in their folder is gone");
    await machine.exec("rm -rf /tmp/theirs");

    const next = await ledger.reserve(pool.api, `next${n}`, 1);
    if (next.outcome !== "granted") bad.push(`I5 the next user is answered ${next.status}`);
    else {
      const sees = await ssh(
        { port: machine.port, username: next.username, password: next.password },
        `ls -A /tmp /var/tmp /dev/shm 2>/dev/null | grep -v ':$' | grep -v '^$' | grep -vE '^systemd-private|^\\.mm-'; find / -xdev -path /proc -prune -o -user ${uid} -print 2>/dev/null; ps -ef 2>/dev/null | grep -w ${mal.username} | grep -v grep; find / -xdev -perm -4000 -newer /etc/hostname ! -path '/usr/*' 2>/dev/null; ls /opt/share`,
      );
      if (sees !== "") bad.push(`I6 the next user sees: ${sees.slice(0, 300)}`);
    }
    await ledger.release(pool.api, next);
    bad.push(...(await settle(where)), ...(await check(where, { ledger })));
  }
  injected(
    fault,
    times,
    bad,
    `removed in ${Math.round(slowest)} ms (an ordinary user: ${Math.round(calm)} ms)`,
  );
  console.log(fault, Math.round(slowest), Math.round(calm));
  expect(bad).toEqual([]);
}

test("a hostile user on a Debian machine", () =>
  attack(pool.machines[0] as Lookable, pool, "0 hostile user, Debian", more(2)));

describe.skipIf(!engine)("BusyBox", () => {
  test("a hostile user on a BusyBox machine", async () => {
    const box = container as Container;
    // It is the only one on offer now.
    await call(pool.api, "DELETE", `/machines/${pool.machines[0]?.name}`);
    const { name, host, port, user, password } = box;
    const added = await call(pool.api, "POST", "/machines", { name, host, port, user, password });
    expect(added.body.state).toBe("available");
    await attack(box, { sql: pool.sql, machines: [box] }, "0 hostile user, BusyBox", more(2));
  });
});
