// What is really on a machine: from its own files and processes, not from the program.
import { readdirSync, readFileSync } from "node:fs";

export interface Looked {
  name: string;
  /** lines of /etc/passwd in our uid range: name, uid, mark */
  accounts: { name: string; uid: number; mark: string }[];
  /** every other trace: what it is, and whose uid or name */
  traces: { what: string; of: string }[];
}

/** What the checker needs from a machine: a TestMachine, or a container. */
export interface Lookable {
  name: string;
  port: number;
  /** its file system as the host sees it */
  root: string;
  exec(command: string): Promise<{ code: number; stdout: string; stderr: string }>;
}

// Everything owned by one of our uids (20000–59999) or a sub-uid (100000 and up), wherever it is. BusyBox has all these tools.
const INSIDE = `
awk -F: '$3 >= 20000 && $3 <= 59999 { split($5, g, ","); print "account", $1, $3, g[1] }' /etc/passwd
awk -F: '$3 >= 20000 && $3 <= 59999 { print "trace", "group", $3 }' /etc/group
awk -F: 'NR == FNR { have[$1] = 1; next } !($1 in have) { print "trace", "shadow", $1 }' /etc/passwd /etc/shadow
for f in /etc/subuid /etc/subgid; do [ -e $f ] && awk -F: -v f=$f 'NF { print "trace", f, $1 }' $f; done
for f in shm sem msg; do awk -v f=$f '
  NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "uid") a = i; if ($i == "cuid") b = i }; next }
  $a >= 20000 || $b >= 20000 { print "trace", "ipc-" f, ($a >= 20000 ? $a : $b) }' /proc/sysvipc/$f; done
for d in /home /run/user /var/spool/cron/crontabs /etc/crontabs /var/lib/systemd/linger /var/mail; do
  [ -d $d ] || continue
  for f in $d/*; do [ -e "$f" ] || [ -L "$f" ] || continue; echo "trace $d \${f##*/}"; done
done
awk '{ print "trace given " $1 }' /var/lib/machine-manager/given 2>/dev/null
true`;

/** Every live thread with one of our uids, read one by one through the machine's own /proc. */
function processes(machine: Lookable): string[] {
  const uids: string[] = [];
  const list = (folder: string) => {
    try {
      return readdirSync(folder).filter((name) => /^\d+$/.test(name));
    } catch {
      return []; // it has just ended
    }
  };
  for (const pid of list(`${machine.root}/proc`))
    for (const tid of list(`${machine.root}/proc/${pid}/task`)) {
      let status: string;
      try {
        status = readFileSync(`${machine.root}/proc/${pid}/task/${tid}/status`, "utf8");
      } catch {
        continue;
      }
      if (/^State:\s+[ZX]/m.test(status)) continue;
      const its = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
      const ours = its.find((uid) => (+uid >= 20_000 && +uid <= 59_999) || +uid >= 100_000);
      if (ours) uids.push(ours);
    }
  return uids;
}

async function run(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "ignore", stdin: "ignore" });
  return await new Response(child.stdout).text();
}

/** Reads a machine. Files are looked for from outside, with the host's `find`, on every file system where users can write. */
export async function look(machine: Lookable): Promise<Looked> {
  const ours = ["(", "-uid", "+19999", "-uid", "-60000", "-o", "-uid", "+99999", "-uid", "-4294967294", ")"];
  const seen: Looked = { name: machine.name, accounts: [], traces: [] };
  const [inside, files] = await Promise.all([
    machine.exec(INSIDE),
    run([
      "find",
      ...["/", "/run/", "/dev/shm/", "/dev/mqueue/"].map((place) => machine.root + place),
      "-xdev",
      ...["(", "-path", `${machine.root}/usr`, "-o", "-path", `${machine.root}/proc`, ")", "-prune", "-o"],
      ...ours,
      "-printf",
      "%U %p\\n",
    ]),
  ]);
  for (const uid of processes(machine)) seen.traces.push({ what: "process", of: uid });
  if (inside.code !== 0) throw new Error(`can't look at ${machine.name}: ${inside.stderr}`);
  for (const line of inside.stdout.split("\n")) {
    const [kind, a = "", b = "", c = ""] = line.split(" ");
    if (kind === "account") seen.accounts.push({ name: a, uid: Number(b), mark: c });
    if (kind === "trace") seen.traces.push({ what: a, of: b });
  }
  for (const line of files.split("\n")) {
    const [, uid, path] = /^(\d+) (.*)$/.exec(line) ?? [];
    if (uid && path) seen.traces.push({ what: `file ${path.slice(machine.root.length)}`, of: uid });
  }
  return seen;
}
