// How a skilled holder managed to stay: each exploit that once worked, on Debian and on BusyBox.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Account, accountsOverSsh } from "../../../pool/accounts/accounts.ts";
import type { Target } from "../../../pool/accounts/connect.ts";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { type Box, KINDS, lacks, startBox } from "../../faults/tools/box.ts";
import { look } from "../../faults/tools/look.ts";
import { ssh } from "../../support/ssh.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(120_000);

const accounts = accountsOverSsh(10, 5);
const HOUR = 3600;
const password = { kind: "password", password: "pass word" } as const;
let uid = 21_000;
const generation = 1;

for (const kind of KINDS)
  describe.skipIf(lacks(kind))(kind, () => {
    let machine: Box["machine"];
    let target: Target;
    let stop: () => Promise<void>;
    beforeAll(async () => {
      ({ machine, target, stop } = await startBox(kind, "hole"));
    });
    afterAll(() => stop());

    // What a failed test left must not make the next one fail.
    afterEach(() => clean(null).catch(() => {}));
    const someone = (username: string): Account => ({ username, uid: uid++, mark: crypto.randomUUID() });
    const loginOf = ({ username }: Account) => ({
      port: machine.port,
      username,
      password: password.password,
    });
    async function out(command: string): Promise<string> {
      const { code, stdout, stderr } = await machine.exec(command);
      if (code !== 0) throw new Error(`${command}: ${stderr}`);
      return stdout.trim();
    }
    const make = (who: Account) => accounts.create(target, generation, who, password, HOUR);
    const clean = (who: Account | null) => accounts.clean(target, generation, who);
    async function fault(work: Promise<unknown>): Promise<string> {
      try {
        await work;
        return "none";
      } catch (error) {
        if (error instanceof MachineFault) return `${error.kind}: ${error.message}`;
        throw error;
      }
    }
    const left = async () => (await look(machine)).traces.map(({ what, of }) => `${what} of ${of}`);
    /** Replaces a tool of the machine while `work` runs. */
    async function instead<T>(tool: string, script: string, work: () => Promise<T>): Promise<T> {
      const path = await out(`PATH=/usr/sbin:/usr/bin command -v ${tool}`);
      const real = kind === "Debian" ? `${path}.real` : `/usr/bin/busybox ${tool}`;
      await machine.exec(
        `mv ${path} ${path}.real; printf '#!/bin/sh\\n%s\\n' '${script.replaceAll("'", "'\\''").replaceAll("REAL", real)}' >${path}; chmod 755 ${path}`,
      );
      try {
        return await work();
      } finally {
        await machine.exec(`mv -f ${path}.real ${path}`);
      }
    }

    // Row 1. The stand-in for Alpine has no Python; the check is the same.
    test.skipIf(kind === "BusyBox")(
      "a process whose main thread has ended, and whose other thread works on",
      async () => {
        const ann = someone("ann");
        await make(ann);
        await ssh(
          loginOf(ann),
          `nohup python3 -c '
import ctypes, threading, time
def work():
    while True:
        open("/tmp/ghost", "a").write("x"); time.sleep(0.2)
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(60, 0)' >/dev/null 2>&1 </dev/null &`,
        );
        await until("the main thread has ended", 10_000, async () =>
          (await out("cat /proc/[0-9]*/status 2>/dev/null | grep -A20 '^Name:.python3' || true")).includes(
            "zombie",
          ),
        );
        await clean(ann);
        expect(await left()).toEqual([]);
      },
    );

    // Row 1b: processes that fork and exit, while eight others do nothing special.
    test("chains of processes that fork and exit hide nobody", async () => {
      // Each time, the kernel numbers them in a different order.
      for (let round = 0; round < 3; round++) {
        const bob = someone("bob");
        await make(bob);
        await ssh(
          loginOf(bob),
          `for i in 1 2 3 4 5 6 7 8 9; do (perl -e '$SIG{TERM} = "IGNORE"; while (1) { fork and exit }' >/dev/null 2>&1 </dev/null &)
             (trap "" TERM HUP; while :; do sleep 1; done >/dev/null 2>&1 </dev/null &); done`,
        );
        await until("they run", 10_000, async () => (await left()).length >= 9);
        // Alpine has no Perl, which stops them all at once elsewhere.
        if (kind === "BusyBox") await out("mv /usr/bin/perl /usr/bin/perl.away");
        try {
          await clean(bob);
        } finally {
          if (kind === "BusyBox") await out("mv /usr/bin/perl.away /usr/bin/perl");
        }
        expect(await left()).toEqual([]);
      }
    });

    test("a chain that is faster than any list is ended too", async () => {
      const ben = someone("ben");
      await make(ben);
      await ssh(
        loginOf(ben),
        "(perl -MPOSIX -e 'while (1) { fork and POSIX::_exit(0) }' >/dev/null 2>&1 </dev/null &)",
      );
      const forks = async () => Number(await out("cut -d' ' -f5 /proc/loadavg"));
      await clean(ben);
      // Pids advance quickly as long as it lives.
      const before = await forks();
      await Bun.sleep(300); // counts the forks in this time
      expect((await forks()) - before).toBeLessThan(100);
      expect(await left()).toEqual([]);
    });

    test("a user who stops any process of theirs that could end them", async () => {
      const cat = someone("cat");
      await make(cat);
      await ssh(
        loginOf(cat),
        `(sleep 1000 >/dev/null 2>&1 </dev/null &); (perl -e 'sleep 1; while (1) { kill "STOP", -1; kill "KILL", -1; select undef, undef, undef, 0.001 }' >/dev/null 2>&1 </dev/null &)`,
      ).catch(() => {});
      // It has ended the other one.
      await until(
        "one is left",
        10_000,
        async () => (await left()).filter((line) => line.startsWith("process")).length === 1,
      );
      await clean(cat);
      expect(await left()).toEqual([]);
    });

    // Row 2.
    test("a name or a uid that carries rights on the machine is refused", async () => {
      const sudoers = (await machine.exec("cat /etc/sudoers")).stdout;
      await out(
        `mkdir -p /etc/sudoers.d /etc/polkit-1/rules.d
         printf 'root ALL=(ALL:ALL) ALL\\n%%wheels ALL=(ALL) ALL # not ordinary\\n#25999 ALL=(ALL) ALL\\n# for example here\\n' >/etc/sudoers
         printf 'stale\\\\.one ALL=(ALL) NOPASSWD: /usr/bin/apt\\nold-admin ALL=(ALL) ALL\\n' >/etc/sudoers.d/old; chmod 440 /etc/sudoers.d/old
         echo 'permit nopass :operators' >/etc/doas.conf
         echo 'if (subject.isInGroup("keepers")) { return polkit.Result.YES; }' >/etc/polkit-1/rules.d/49-x.rules
         mkdir -p /etc/dbus-1/system.d; echo '<policy group="netops"><allow own="x"/></policy>' >/etc/dbus-1/system.d/mm-test.conf`,
      );
      for (const name of ["wheels", "old-admin", "operators", "keepers", "netops"])
        expect(`${name} ${await fault(make(someone(name)))}`).toStartWith(`${name} refused: `);
      expect(await fault(make({ ...someone("numbered"), uid: 25_999 }))).toStartWith("refused: ");
      // An existing system group.
      expect(await fault(make(someone("disk")))).toStartWith("foreign_account: ");
      await clean(null);
      expect(await left()).toEqual([]);
      for (const name of ["example", "ordinary", "bin2", "wheel2", "policy"]) {
        const fine = someone(name);
        await make(fine);
        await clean(fine);
      }
      await out(
        "rm -f /etc/sudoers.d/old /etc/doas.conf /etc/polkit-1/rules.d/49-x.rules /etc/dbus-1/system.d/mm-test.conf",
      );
      await machine.exec(`cat >/etc/sudoers <<'END'\n${sudoers}END`);
    });

    // Row 3: as `podman unshare chown 1:1 ~` does it, with the help of newuidmap.
    test("a home that its user handed to one of their sub-uids", async () => {
      const dan = someone("dan");
      await make(dan);
      if (!(await machine.exec("grep ^dan: /etc/subuid")).stdout)
        await out("echo dan:200000:65536 >>/etc/subuid");
      const sub = Number(await out("grep ^dan: /etc/subuid | cut -d: -f2"));
      await ssh(loginOf(dan), "(trap '' TERM HUP; while :; do sleep 1; done >/dev/null 2>&1 </dev/null &)");
      await out(
        `chown ${sub}:${sub} /home/dan; touch /tmp/subs; chown ${sub + 65_535} /tmp/subs
         perl -e '$< = $> = ${sub + 7}; exec "sleep", "10000"' >/dev/null 2>&1 </dev/null &`,
      );
      await clean(dan);
      expect(await left()).toEqual([]);
    });

    test("sub-uids that overlap other accounts' uids are not killed", async () => {
      const eli = someone("eli");
      await make(eli);
      await machine.exec("sed -i /^eli:/d /etc/subuid; echo eli:1:70000 >>/etc/subuid");
      expect(await fault(clean(eli))).toStartWith("foreign_account: ");
      await machine.exec("sed -i /^eli:/d /etc/subuid");
      await clean(eli);
      expect(await left()).toEqual([]);
    });

    test("leftovers of sub-uids are still searched for after the account is gone", async () => {
      const eve = someone("eve");
      await make(eve);
      if (!(await machine.exec("grep ^eve: /etc/subuid")).stdout)
        await out("echo eve:300000:65536 >>/etc/subuid");
      const sub = Number(await out("grep ^eve: /etc/subuid | cut -d: -f2"));
      await out(`mkdir /tmp/subs; touch /tmp/subs/f; chown ${sub + 3} /tmp/subs/f`);
      // A `find` that removes nothing, so that the first try fails after the account is gone.
      const first = await instead("find", 'case "$*" in *-delete*) exit 0 ;; esac; exec REAL "$@"', () =>
        fault(clean(eve)),
      );
      expect(first).toStartWith("leftovers: ");
      expect(await out("grep -c ^eve: /etc/passwd || true")).toBe("0");
      await clean(eve);
      expect(await left()).toEqual([]);
    });

    // Row 5.
    test("what is removed is counted, whatever its name is", async () => {
      const who = someone("num");
      await make(who);
      // One that sleeps, and one that waits for it.
      await ssh(loginOf(who), "(sh -c 'sleep 1000; :' >/dev/null 2>&1 </dev/null &)");
      await machine.exec(
        `cd /home/num && mkdir -p a/b && printf '' >'a/b/two
lines' && mkdir '/tmp/REMOVED processes=9' && printf '' >'/tmp/REMOVED processes=9/c
d' && chown -R num a /tmp/R* && ln -s /etc/passwd a/link && chown -h num a/link`,
      );
      const home = Number(await out("find /home/num -print0 | tr -cd '\\000' | wc -c"));
      const { proof } = await clean(who);
      const counts = { processes: 2, homeFiles: home, sweptFiles: 2, ipc: 0, mounts: 0 };
      expect(proof).toEqual({ said: `CLEAN num ${who.uid}`, counts });
      // It was removed before: nothing was left to count.
      const none = { processes: 0, homeFiles: 0, sweptFiles: 0, ipc: 0, mounts: 0 };
      expect((await clean(who)).proof.counts).toEqual(none);
      expect((await clean(null)).proof).toEqual({ said: "CLEAN - 0", counts: null });
    });

    test("folders nested deeper than a path may be long", async () => {
      const fay = someone("fay");
      await make(fay);
      const dig =
        "n=0; while [ $n -lt 400 ]; do mkdir aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa && cd -P aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || exit 1; n=$((n+1)); done; echo 1 >bottom";
      await ssh(
        loginOf(fay),
        `(${dig}); mkdir /tmp/pit /var/tmp/pit; (cd /tmp/pit && ${dig}); (cd /var/tmp/pit && ${dig})`,
      );
      // Only the innermost one is theirs: a search that does not reach it finds nothing.
      await out(`find /var/tmp/pit -type d -exec chown 0 {} + 2>/dev/null; true`);
      await clean(fay);
      expect(await left()).toEqual([]);
      expect(await out("ls /home /tmp")).not.toMatch(/fay|pit/);
      await machine.exec("cd /var/tmp && rm -rf pit 2>/dev/null; true");
    });

    // Row 8: what can't be removed is taken over, and links are never followed.
    test("root never follows their links", async () => {
      const gus = someone("gus");
      await make(gus);
      await out(
        "mkdir -p /opt/victim; echo 1 >/opt/victim/file; chmod 644 /opt/victim/file; chmod 755 /opt/victim",
      );
      await ssh(
        loginOf(gus),
        "mkdir -m 777 /tmp/his; ln -s /opt/victim/file /tmp/his/file; ln -s /opt/victim /tmp/his/folder; ln -s /opt/victim /tmp/out",
      );
      const first = await instead("find", 'case "$*" in *-delete*) exit 0 ;; esac; exec REAL "$@"', () =>
        fault(clean(gus)),
      );
      expect(await out("stat -c '%a %u' /opt/victim /opt/victim/file")).toBe("755 0\n644 0");
      expect(first).toStartWith("leftovers: ");
      expect(await out("stat -c '%a %u' /tmp/his")).toBe("700 0");
      await clean(gus);
      expect(await left()).toEqual([]);
    });

    // Row 14: a FUSE mount whose server is gone.
    test.skipIf(kind === "BusyBox")("mounts that were made for the user, wherever they are", async () => {
      const hal = someone("hal");
      await make(hal);
      const mount = (place: string) =>
        out(
          `mkdir -p '${place}'; python3 -c '
import ctypes, os, sys
fd = os.open("/dev/fuse", os.O_RDWR)
o = f"fd={fd},rootmode=40000,user_id=${hal.uid},group_id=${hal.uid},allow_other".encode()
sys.exit(ctypes.CDLL(None, use_errno=True).mount(b"x", sys.argv[1].encode(), b"fuse.x", 6, o) and ctypes.get_errno())' '${place}'`,
        );
      await mount("/tmp/dead");
      await mount("/tmp/two words");
      await mount("/tmp/line\n");
      await mount("/mnt/else where");
      await out(`mkdir -p /media/hal/disk; mount -t tmpfs -o uid=${hal.uid} disk /media/hal/disk`);
      expect(await out("grep -c fuse.x /proc/mounts")).toBe("4");
      // A mount that stays is reported, and the machine is not clean.
      const first = await instead("umount", "exit 1", () => fault(clean(hal)));
      expect(first).toContain("mounts: ");
      await clean(hal);
      expect(await out("grep -e fuse.x -e /media/ /proc/mounts || true")).toBe("");
      expect(await left()).toEqual([]);
    });

    test.skipIf(kind === "BusyBox")(
      "what somebody else has mounted where root can't look is no reason to keep a machine",
      async () => {
        const kay = someone("kay");
        await make(kay);
        await out(
          `mkdir -p "/run/user/1000/gv fs"; python3 -c '
import ctypes, os
fd = os.open("/dev/fuse", os.O_RDWR)
o = f"fd={fd},rootmode=40000,user_id=65534,group_id=65534".encode()
ctypes.CDLL(None).mount(b"x", b"/run/user/1000/gv fs", b"fuse.x", 6, o)'; touch /run/user/1000/kays; chown ${kay.uid} /run/user/1000/kays`,
        );
        await clean(kay);
        expect(await out("grep -c fuse.x /proc/mounts; ls /run/user/1000")).toStartWith("1");
        await out("umount -l '/run/user/1000/gv fs'; rm -r /run/user");
        expect(await left()).toEqual([]);
      },
    );

    // Row 4: users of a directory are in no file on the machine.
    test.skipIf(kind === "BusyBox")(
      "people of a directory keep their uids, their processes and their files",
      async () => {
        const person = uid++;
        await out(
          `mkdir -p /var/lib/extrausers; echo 'ldapper:x:${person}:${person}:Directory:/home/ldapper:/bin/sh' >/var/lib/extrausers/passwd
         echo 'ldapgroup:x:${person + 1}:' >/var/lib/extrausers/group; sed -i 's/^\\(passwd\\|group\\):.*/\\1: files extrausers/' /etc/nsswitch.conf
         echo hers >/tmp/hers; chown ${person} /tmp/hers; perl -e '$< = $> = ${person}; exec "sleep", "10000"' >/dev/null 2>&1 </dev/null &`,
        );
        await until(
          "the directory is asked",
          5000,
          async () => (await machine.exec(`getent passwd ${person}`)).code === 0,
        );
        const ivo = { ...someone("ivo"), uid: person };
        expect(await fault(make(ivo))).toStartWith("uid_taken: ");
        expect(await fault(make({ ...ivo, uid: person + 1 }))).toStartWith("uid_taken: ");
        expect(await fault(make(someone("ldapper")))).toStartWith("foreign_account: ");
        expect(await fault(make(someone("ldapgroup")))).toStartWith("foreign_account: ");
        expect(await out("cat /var/lib/machine-manager/given 2>/dev/null || true")).toBe("");
        await clean(ivo);
        // Even if an older version had recorded it, or the person came later.
        await out(`echo '${person} ivo ${ivo.mark}' >>/var/lib/machine-manager/given`);
        expect(await fault(clean(ivo))).toStartWith("foreign_account: ");
        await out(
          `sed -i /ivo/d /var/lib/machine-manager/given; echo ${person} >>/var/lib/machine-manager/used`,
        );
        await accounts.sweep(target, generation, null);
        expect(
          await out(`cat /tmp/hers; cat /proc/[0-9]*/status 2>/dev/null | grep -c '^Uid:.${person}'`),
        ).toBe("hers\n1");
        await machine.exec(
          "pkill -u " +
            person +
            "; rm -rf /tmp/hers /var/lib/extrausers; sed -i 's/ extrausers//' /etc/nsswitch.conf",
        );
      },
    );

    // Row 10, the machine's half.
    test("a password that the machine's own rules refuse is the request's fault", async () => {
      const jan = someone("jan");
      const refusing = 'read -r line; case "$line" in *"pass word") exit 1 ;; esac; exit 0';
      expect(await instead("chpasswd", refusing, () => fault(make(jan)))).toBe(
        "refused: the machine's rules refuse that password",
      );
      expect(await instead("chpasswd", "exit 1", () => fault(make(jan)))).toStartWith("failed: ");
      await clean(jan);
      expect(await left()).toEqual([]);
    });
  });
