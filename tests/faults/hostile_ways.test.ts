// What a holder may try in order to stay, one way at a time, with the tools that machines have, and the result of each.
// Whatever is planted, nothing of that uid may be left, and the next holder of that name gets a clean home.
// Not tried, since it doesn't outlive its processes or the holder can't do it: TIOCSTI on a shared terminal (kernels
// from 6.2 on refuse it), another user's screen or tmux (another uid's processes: see "not promised" in the README),
// `systemd --user` (no systemd on these machines; its slice, its linger file and its sessions are ended by name where there is).
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Account, accountsOverSsh } from "../../pool/accounts/accounts.ts";
import type { Target } from "../../pool/accounts/connect.ts";
import { ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { type Box, KINDS, lacks, startBox } from "./tools/box.ts";
import { look } from "./tools/look.ts";
import { injected } from "./tools/table.ts";

setDefaultTimeout(120_000);

const accounts = accountsOverSsh(10, 5);
const stay = (perl: string) => `(perl -e '${perl}' >/dev/null 2>&1 </dev/null &)`;
const python = (code: string) => `(python3 -c '${code}' >/dev/null 2>&1 </dev/null &)`;

interface Way {
  what: string;
  /** what becomes of it */
  outcome: string;
  /** as the holder, over SSH */
  user?: string;
  /** as root, in place of a daemon or a setuid helper that would do it for the holder: uid → command */
  root?: (uid: number) => string;
  /** needs Python, which the stand-in for Alpine lacks, or rights that its container lacks */
  debian?: true;
}

const WAYS: Way[] = [
  {
    what: "a program that exists in memory only (memfd)",
    outcome: "a process as any other",
    debian: true,
    user: python(
      'import os; f = os.memfd_create("x"); os.write(f, open("/bin/sleep", "rb").read()); os.execve(f, ["sleep", "1000"], {})',
    ),
  },
  {
    what: "a watcher (inotify) that puts back what is deleted",
    outcome: "ended before anything is deleted",
    debian: true,
    user: python(
      'import ctypes, os; c = ctypes.CDLL(None); f = c.inotify_init(); open("/tmp/back", "w"); c.inotify_add_watch(f, b"/tmp", 0x200)\nwhile os.read(f, 4096): open("/tmp/back", "w"); open("/var/tmp/back", "w")',
    ),
  },
  {
    what: "a timer that starts a new process at each tick",
    outcome: "ended with the processes that it started",
    user: stay("$SIG{ALRM} = sub { fork; alarm 1 }; alarm 1; while (1) { sleep 1 }"),
  },
  {
    what: "work handed to the kernel (io_uring), where it is allowed",
    outcome: "its worker threads are threads of the process",
    debian: true,
    user: python(
      "import ctypes, time; c = ctypes.CDLL(None); p = (ctypes.c_char * 120)(); c.syscall(425, 8, p); time.sleep(1000)",
    ),
  },
  {
    what: "names of processes that look like lines of /proc/PID/status",
    outcome: "the kernel writes a line break in a name as two characters",
    user: `${stay('$0 = "x\\nUid:\\t0 0 0"; sleep 1000')}; ${stay('$0 = "listed /proc/1"; sleep 1000')}`,
  },
  {
    what: "a process in a separate user and PID namespace",
    outcome: "seen from outside under its own number, and ended",
    debian: true, // Docker refuses it
    user: "(unshare -Urpf --mount-proc sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 </dev/null &)",
  },
  {
    what: "processes that are stopped",
    outcome: "SIGKILL ends these, too",
    user: "(setsid sh -c 'kill -STOP $$; sleep 1000' >/dev/null 2>&1 </dev/null &)",
  },
  {
    what: "a POSIX message queue, POSIX shared memory, sockets and pipes with names",
    outcome: "files, which a removal finds in the writable places",
    user: `perl -e 'use POSIX; syscall(240, "/left", 0102, 0600, 0)'; echo x >/dev/shm/left; mkfifo /run/lock/left /tmp/pipe; ${stay('use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("/tmp/sock")); bind(S, sockaddr_un("\\0abstract")); sleep 1000')}`,
  },
  {
    what: "access lists and attributes on files",
    outcome: "go with the file",
    debian: true,
    user: `echo x >/var/tmp/acl; python3 -c 'import os, struct; os.setxattr("/var/tmp/acl", "user.x", b"y")' 2>/dev/null; true`,
  },
  {
    what: "a copy of a shell with all set-id bits, in a folder that nobody may list",
    outcome: "removed",
    user: "mkdir -m 300 /var/tmp/dark && cp /bin/sh /var/tmp/dark/sh && chmod 6755 /var/tmp/dark/sh; chmod 0 /var/tmp/dark",
  },
  {
    what: "a key in the kernel's keyring of the user",
    outcome: "nobody else may read it, and no uid is given twice",
    user: `perl -e 'syscall(248, "user", "left", "secret", 6, -4)'; true`,
  },
  {
    what: "an open file that another user's daemon was handed",
    outcome: "the file has no name any more; the daemon is not the holder's",
    debian: true,
    root: (uid) =>
      `setpriv --reuid=65534 --clear-groups python3 -c '
import array, os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind("/tmp/daemon"); os.chmod("/tmp/daemon", 0o777); s.listen(); c, _ = s.accept()
c.recvmsg(1, socket.CMSG_LEN(4)); time.sleep(20)' >/dev/null 2>&1 </dev/null &
for i in 1 2 3 4 5 6 7 8 9; do [ -S /tmp/daemon ] && break; sleep 0.1; done
setpriv --reuid=${uid} --clear-groups python3 -c '
import array, socket
f = open("/tmp/handed", "w"); s = socket.socket(socket.AF_UNIX); s.connect("/tmp/daemon")
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno()]))])'`,
  },
  {
    what: "hard links to a file of somebody else's that all may write, in a folder of theirs",
    outcome: "the file stays whose it is; the folder is taken from them",
    root: (uid) =>
      `echo others >/tmp/open; chmod 666 /tmp/open; mkdir -m 777 /tmp/linked; ln /tmp/open /tmp/linked/more; chown ${uid} /tmp/linked`,
  },
  {
    what: "a job of `at`, a crontab, a mailbox, a file that keeps systemd's user manager alive",
    outcome: "removed by name and by owner",
    root: (uid) =>
      `mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs /var/mail /var/lib/systemd/linger; for f in /var/spool/cron/crontabs/way /var/spool/cron/atjobs/a1 /var/mail/way; do echo x >$f; chown ${uid} $f; done; touch /var/lib/systemd/linger/way`,
  },
];

for (const kind of KINDS)
  describe.skipIf(lacks(kind))(kind, () => {
    let machine: Box["machine"];
    let target: Target;
    let stop: () => Promise<void>;
    beforeAll(async () => {
      ({ machine, target, stop } = await startBox(kind, "way"));
    });
    afterAll(() => stop());
    // What a failed test left must not make the next one fail.
    afterEach(() =>
      accounts.clean(target, 1, null).then(
        () => {},
        () => {},
      ),
    );

    for (const [n, way] of WAYS.entries())
      test.skipIf(kind === "BusyBox" && way.debian === true)(`${way.what}: ${way.outcome}`, async () => {
        const who: Account = { username: "way", uid: 22_000 + n, mark: crypto.randomUUID() };
        await accounts.create(target, 1, who, { kind: "password", password: "pass word" }, 3600);
        const login = { port: machine.port, username: who.username, password: "pass word" };
        if (way.user) await ssh(login, `${way.user}\ntrue`);
        if (way.root) {
          const { code, stderr } = await machine.exec(way.root(who.uid));
          if (code !== 0) throw new Error(stderr);
        }
        if (way.user?.endsWith("&)"))
          await until("it runs", 10_000, async () =>
            (await look(machine)).traces.some(({ what }) => what === "process"),
          );
        await accounts.clean(target, 1, who);
        const left = (await look(machine)).traces.map(({ what, of }) => `${what} of ${of}`);
        injected(`0 hostile ways, ${kind}`, 1, left);
        expect(left).toEqual([]);
        // Other people's things are unchanged.
        if (way.what.startsWith("hard links"))
          expect(
            (await machine.exec("cat /tmp/open; stat -c %u:%a /tmp/linked; rm -rf /tmp/open /tmp/linked"))
              .stdout,
          ).toBe("others\n0:700\n");
      });
  });
