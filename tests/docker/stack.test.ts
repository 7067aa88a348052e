// The whole thing in containers: `just run`, the seed's curl lines, a login, expiry, scaling, a database restart, hot
// reload, `just clean`. One stack; each test continues from the one before.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { showsStyle, takesEffect } from "../support/edit.ts";
import { canLogIn, ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { Checkout, run, whyNot } from "./checkout.ts";

const reason = await whyNot();
if (reason) console.log(`tests/docker: skipped, since ${reason}`);

type Machine = { machine: string; host: string; port: number };
const MINUTE = 60_000;

describe.skipIf(reason !== "")("Docker", () => {
  let at: Checkout;
  let fresh = "";
  const password = "Tr0ub4dor-secret";
  let held: Machine[] = [];
  let end = 0;

  beforeAll(async () => {
    at = await Checkout.make();
    fresh = await at.files();
  }, MINUTE);
  afterAll(() => at?.remove(), 2 * MINUTE);

  test(
    "just run starts the stack, registers the machines and says where it is",
    async () => {
      const output = await at.do("just", "run");
      expect(output).toContain(`https://localhost:${at.httpsPort}`);
      expect((await at.curl("/healthz")).body).toEqual({ status: "ok" });
      expect((await at.curl("/available")).body).toMatchObject({
        available: ["alpine-1", "alpine-2", "alpine-3"],
        reserved: [],
        unavailable: [],
      });
    },
    5 * MINUTE,
  );

  test(
    "just run again changes nothing that stands",
    async () => {
      const containers = () =>
        run(["docker", "ps", "--quiet", "--no-trunc", "--filter", `name=${at.project}`]);
      const before = (await containers()).output;
      await at.do("just", "run");
      expect((await containers()).output).toBe(before);
    },
    2 * MINUTE,
  );

  test("nothing is published beyond loopback and the bridge's gateway", async () => {
    // What containers call this host: the bridge's gateway.
    const hosts = await at.stack("compose", "exec", "-T", "api", "cat", "/etc/hosts");
    const gateway = /^(\S+)\s+host\.docker\.internal/m.exec(hosts)?.[1] ?? "";
    expect(gateway).toMatch(/^(10|172|192)\./);
    const ids = await run(["docker", "ps", "--quiet", "--filter", `name=${at.project}`]);
    const format =
      "{{.Name}}{{range $port, $at := .NetworkSettings.Ports}}{{range $at}} {{.HostIp}}:{{.HostPort}}{{end}}{{end}}";
    const inspected = await run(["docker", "inspect", "--format", format, ...ids.output.trim().split("\n")]);
    for (const line of inspected.output.trim().split("\n")) {
      const [name = "", ...ports] = line.split(" ");
      if (!/-(nginx|alpine)-\d+$/.test(name)) expect(line).toBe(name);
      for (const port of ports) expect(["127.0.0.1", gateway]).toContain(port.replace(/:\d+$/, ""));
    }
    expect(inspected.output).toContain(` 127.0.0.1:${at.httpsPort}`);
  });

  test("the containers run without root, without capabilities, on a read-only file system", async () => {
    const ids = await at.stack("compose", "ps", "--quiet");
    const format =
      "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Privileged}}";
    const inspected = await run(["docker", "inspect", "--format", format, ...ids.trim().split("\n")]);
    expect(inspected.output.trim().split("\n").sort()).toEqual([
      "101:101 true [ALL] false",
      "999:999 true [ALL] false",
      "bun true [ALL] false",
      "bun true [ALL] false",
    ]);
    // Secrets are files; neither the environment nor `docker inspect` shows one.
    const shown = await run(["docker", "inspect", ...ids.trim().split("\n")]);
    const secrets = (await Bun.file(join(at.folder, ".env")).text()).matchAll(
      /^(?:SECRET_KEY|DATABASE_PASSWORD|DATABASE_OWNER_PASSWORD)=(.+)$/gm,
    );
    for (const [, secret = ""] of secrets) expect(shown.output).not.toContain(secret);
  });

  test("a container's log is limited", async () => {
    const ids = await at.stack("compose", "ps", "--quiet");
    const format = "{{json .HostConfig.LogConfig}}";
    const inspected = await run(["docker", "inspect", "--format", format, ...ids.trim().split("\n")]);
    const bounded = '{"Type":"json-file","Config":{"max-file":"3","max-size":"10m"}}';
    expect(inspected.output.trim().split("\n")).toEqual(Array(4).fill(bounded));
  });

  test(
    "a service that keeps ending is restarted within seconds each time, and status shows it",
    async () => {
      const compose = (...words: string[]) => at.stack("compose", ...words);
      const ids = await compose("ps", "--quiet");
      // Kills all processes of a name except the container's first. (`kill` only ever gets one pid.)
      const kill = (service: string, name: string) =>
        compose(
          ...["exec", "-T", service, "sh", "-c"],
          `for p in /proc/[0-9]*; do n=\${p#/proc/}; read -r c <$p/comm && [ "$c" = ${name} ] && [ "$n" -gt 1 ] && kill -9 "$n"; done; true`,
        );
      for (let n = 0; n < 8; n++)
        await Promise.all([kill("api", "bun"), kill("scheduler", "bun"), kill("nginx", "nginx")]);
      const status = await at.status();
      expect(status.code).not.toBe(0);
      expect(status.output).toMatch(/^api: DOWN since 20.*, restarted every second\. Its log: /m);
      expect(status.output).toMatch(/^db: up since 20/m);
      // Docker itself would wait 25 s or more by now.
      await until("it answers", 6000, async () => (await at.curl("/readyz")).status === 200);
      expect(await compose("ps", "--quiet")).toBe(ids);
      await kill("db", "mariadbd");
      await until("the database is back", 20_000, async () => (await at.curl("/readyz")).status === 200);
      await until("all are up", 20_000, async () => {
        const { code, output } = await at.status();
        return code === 0 && /^scheduler: up since 20/m.test(output);
      });
      expect(await compose("ps", "--quiet")).toBe(ids);
    },
    2 * MINUTE,
  );

  test(
    "just docker-up stops with a service's own words when it can't start, soon",
    async () => {
      const began = performance.now();
      const refused = await run(["just", "docker-up"], at.folder, { ...at.env, LOG_LEVEL: "loud" });
      expect(refused.code).not.toBe(0);
      expect(refused.output).toContain("LOG_LEVEL must be debug, info, warn or error");
      expect(refused.output).toMatch(/^(api|scheduler) does not start$/m);
      const took = performance.now() - began;
      await at.do("just", "docker-up"); // first, for the tests that follow
      // Before Compose gives up waiting, even on a busy machine.
      expect(took).toBeLessThan(2.5 * MINUTE);
    },
    5 * MINUTE,
  );

  /** Runs MariaDB's client in the database's container: as the program, or as root. */
  const sql = async (who: "program" | "root", statement: string) => {
    const password = /^DATABASE_PASSWORD=(.+)$/m.exec(await Bun.file(join(at.folder, ".env")).text())?.[1];
    const login = {
      program: `MYSQL_PWD=${password} mariadb --user=machine_manager --host=db`,
      root: "MYSQL_PWD=$(cat /run/secrets/database_root_password) mariadb --user=root",
    };
    const command = `${login[who]} machine_manager -e "${statement}" 2>&1 || true`;
    return at.stack("compose", "exec", "-T", "db", "sh", "-c", command);
  };
  const readSecrets = (service: string) => at.stack("compose", "exec", "-T", service, "ls", "/run/secrets");

  test("the program may add to the events but not change them; no service has the owner's password", async () => {
    expect(await sql("program", "DELETE FROM events")).toContain("DELETE command denied");
    expect(await sql("program", "UPDATE events SET actor = 'nobody'")).toContain("UPDATE command denied");
    expect(await sql("program", "SELECT 1 FROM events LIMIT 1")).toBe("1\n1\n");
    for (const service of ["api", "scheduler"])
      expect(await readSecrets(service)).toBe("admin_token\ndatabase_url\nproxy_secret\nsecret_key\n");
    expect(await readSecrets("db")).toBe("database_root_password\n");
    expect(await at.left()).not.toContain("-owner-");
  });

  test("just prune-events deletes old events as the owner, and says so", async () => {
    expect(await sql("root", "UPDATE events SET at = at - INTERVAL 400 DAY ORDER BY id LIMIT 1")).toBe("");
    expect(await at.do("just", "prune-events", "--older-than", "365d")).toContain(
      "prune-events: 1 events older than 365 days were deleted",
    );
    const { events } = (await at.curl("/events?action=events.pruned")).body as { events: object[] };
    expect(events[0]).toMatchObject({ actor: "owner", details: { count: 1, days: 365 } });
    await expect(at.do("just", "prune-events", "--older-than", "0d")).rejects.toThrow("whole days");
    expect(await at.do("just", "prune-events", "--help")).toContain("--older-than 365d");
  }, 60_000);

  test(
    "just docker-up upgrades a database whose one account had all rights, and keeps what it knows",
    async () => {
      expect(await sql("root", "DROP USER machine_manager_owner@'%'")).toBe("");
      expect(await sql("root", "GRANT ALL ON machine_manager.* TO machine_manager@'%'")).toBe("");
      expect(await sql("program", "DELETE FROM events WHERE FALSE")).toBe("");
      const upgraded = await at.do("just", "docker-up");
      expect(upgraded).toContain("REVOKE ALL PRIVILEGES ON `machine_manager`.*");
      expect(await sql("program", "DELETE FROM events")).toContain("DELETE command denied");
      expect((await at.curl("/available")).body.available).toHaveLength(3);
    },
    2 * MINUTE,
  );

  test(
    "the seed's curl lines work over HTTPS",
    async () => {
      expect((await at.curl("/machines/alpine-1", "-X", "DELETE")).status).toBe(200);
      const machine = {
        name: "alpine-1",
        host: "localhost",
        port: at.machinePort,
        user: "root",
        password: "test",
      };
      const json = ["-H", "content-type: application/json", "-d", JSON.stringify(machine)];
      const added = await at.curl("/machines", "-X", "POST", ...json);
      expect(added).toMatchObject({
        status: 201,
        body: { name: "alpine-1", host: "localhost", state: "available" },
      });
      expect(JSON.stringify(added.body)).not.toContain("test");

      const reserved = await at.curl(`/reserve?username=testuser&password=${password}&count=1&duration=60`);
      expect(reserved).toMatchObject({ status: 200, body: { username: "testuser", duration_minutes: 60 } });
      const { reservations } = (await at.curl("/reservations")).body as {
        reservations: Record<string, string>[];
      };
      expect(reservations).toHaveLength(1);
      expect(reservations[0]).toMatchObject({
        username: "testuser",
        time_remaining: expect.stringMatching(/minutes remaining$/),
      });
      expect(await at.curl("/release_all")).toMatchObject({
        status: 200,
        body: { message: "All machines released", released: 1 },
      });
      expect((await at.curl("/release_all")).body.message).toBe("No machines to release.");
    },
    MINUTE,
  );

  test(
    "the account that a reservation gives works over SSH",
    async () => {
      const reserved = await at.curl(`/reserve?username=bob&password=${password}&count=2&duration=1`);
      expect(reserved.status).toBe(200);
      held = reserved.body.machines as Machine[];
      end = Date.parse(reserved.body.reserved_until as string);
      expect(held.map(({ host }) => host)).toEqual(["localhost", "localhost"]);
      // What a user may leave behind on a BusyBox machine.
      const leave = `touch /tmp/of-bob /dev/shm/of-bob; mkdir -p /tmp/d/e && touch /tmp/d/e/f; (crontab -l; echo '* * * * * true') 2>/dev/null | crontab - 2>/dev/null
      nohup sleep 6000 >/dev/null 2>&1 & nohup sh -c 'trap "" TERM HUP; while :; do sleep 1; done' >/dev/null 2>&1 & whoami`;
      for (const { port } of held) expect(await ssh({ port, username: "bob", password }, leave)).toBe("bob");
      for (const { machine } of held)
        expect(await at.inMachine(machine, "ps -o user,args")).toContain("sleep 6000");
    },
    MINUTE,
  );

  test("--scale api=3 answers through nginx, and keeps answering without one of the three", async () => {
    await at.stack("up", "--scale", "api=3");
    const compose = (...words: string[]) => at.stack("compose", ...words);
    const ids = (await compose("ps", "--quiet", "api")).trim().split("\n");
    expect(ids).toHaveLength(3);
    const upstream = async () =>
      (await compose("exec", "-T", "nginx", "cat", "/tmp/site.conf")).match(/server [\d.]+:3000;/g) ?? [];
    await until("nginx knows all three", 20_000, async () => (await upstream()).length === 3);
    await run(["docker", "rm", "--force", ids[0] as string]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => at.curl("/available")));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    await until("nginx has forgotten it", 20_000, async () => (await upstream()).length === 2);
  }, 60_000);

  test(
    "a restart of the database is survived",
    async () => {
      await at.stack("compose", "restart", "db");
      await until("the API is ready again", 30_000, async () => (await at.curl("/readyz")).status === 200);
      const { reservations } = (await at.curl("/reservations")).body as { reservations: unknown[] };
      expect(reservations).toHaveLength(2);
    },
    MINUTE,
  );

  test(
    "the account is gone within 10 s of the reservation's end, and all of its leftovers",
    async () => {
      const uid = (await at.inMachine(held[0]?.machine ?? "", "id -u bob")).trim();
      expect(uid).toMatch(/^\d+$/);
      for (const { machine } of held)
        await until(
          `${machine} has no bob`,
          end + 10_000 - Date.now(),
          async () => (await at.inMachine(machine, "grep -c ^bob: /etc/passwd")).startsWith("0"),
          500,
        );
      expect(Date.now()).toBeGreaterThan(end - 1000);
      for (const { machine, port } of held) {
        expect(await canLogIn({ port, username: "bob", password })).toBe(false);
        await until(`${machine} is clean`, 10_000, async () =>
          ((await at.curl("/available")).body.available as string[]).includes(machine),
        );
        expect(
          await at.inMachine(machine, "ls -A /home /var/spool/cron/crontabs /tmp /dev/shm; ps -o args"),
        ).not.toMatch(/bob|sleep/);
        // BusyBox's find has no -uid.
        expect(
          await at.inMachine(
            machine,
            `find / -xdev -exec stat -c '%u %n' {} + 2>/dev/null | grep '^${uid} '`,
          ),
        ).toBe("");
      }
    },
    2 * MINUTE,
  );

  test("no container's log and no event contains a secret, even while the API dies", async () => {
    const secrets = [password];
    const post = async (path: string, body: Record<string, string>, shows?: string) => {
      const json = ["-H", "Content-Type: application/json", "-d", JSON.stringify(body)];
      const answer = await at.curl(path, ...json);
      secrets.push(...["password", "token", "private_key"].flatMap((name) => body[name] ?? []));
      if (shows) secrets.push(answer.body[shows] as string);
      return answer.status;
    };
    expect(await post("/users", { name: "carl", password: "a-password-of-carl" })).toBe(201);
    expect(await post("/tokens", { user: "carl", name: "laptop" }, "token")).toBe(201);
    expect(await post("/session", { user: "carl", password: "a-password-of-carl" }, "csrf")).toBe(201);
    expect(await post("/session", { user: "carl", password: "not-a-password-of-carl" })).toBe(401);
    expect(await post("/reservations", { username: "carl" }, "password")).toBe(201);
    const lost = at.curl(`/reserve?username=lost&password=while-it-dies&count=1`);
    await at.stack("compose", "restart", "--timeout", "0", "api");
    await lost;
    secrets.push("while-it-dies");
    await until("the API is back", 60_000, async () => (await at.curl("/readyz")).status === 200);
    // What the dead one was preparing comes back when its lease runs out.
    await until("all is free", 100_000, async () => {
      await at.curl("/release_all");
      return ((await at.curl("/available")).body.available as string[]).length === 3;
    });
    secrets.push(
      ...(await Bun.file(join(at.folder, ".env")).text())
        .matchAll(/^(?:SECRET_KEY|\w+_PASSWORD)=(.+)$/gm)
        .map(([, one = ""]) => one),
      (await Bun.file(join(at.folder, ".local/docker/secrets/database_root_password")).text()).trim(),
    );
    expect(secrets.length).toBeGreaterThan(9);
    const logs = await at.stack("logs");
    expect(logs).toContain("/reserve");
    const events = await sql("root", "SELECT * FROM events");
    expect(events).toContain("session.created");
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(7);
      expect(`${logs}${events}`.includes(secret), `${secret.slice(0, 3)}… was written down`).toBe(false);
    }
  }, 200_000);

  test(
    "just rotate-key re-encrypts all secrets, and the pool keeps working",
    async () => {
      const env = () => Bun.file(join(at.folder, ".env")).text();
      const keyIn = (text: string) => /^SECRET_KEY=(.+)$/m.exec(text)?.[1] ?? "";
      const [old, before] = [keyIn(await env()), await sql("root", "SELECT secret FROM machines")];
      const said = await at.do("just", "rotate-key");
      expect(said).toContain("the old key no longer opens anything");
      const key = keyIn(await env());
      expect(key).not.toBe(old);
      expect(await sql("root", "SELECT secret FROM machines")).not.toBe(before);
      for (const secret of [old, key]) expect(said + (await at.stack("logs"))).not.toContain(secret);
      const reserved = await at.curl(`/reserve?username=dora&password=${password}&count=1`);
      expect(reserved.status).toBe(200);
      expect((await at.curl("/release_all")).body).toMatchObject({ released: 1, failed: [] });
    },
    2 * MINUTE,
  );

  test("just docker-reset ends the reservations, on the machines too, and starts with an empty database", async () => {
    const reserved = await at.curl(`/reserve?username=carol&password=${password}&count=1`);
    const [held] = reserved.body.machines as Machine[];
    expect(await at.inMachine(held?.machine ?? "", "id -un carol")).toBe("carol\n");
    await at.do("just", "docker-reset");
    expect(await at.inMachine(held?.machine ?? "", "grep -c carol /etc/passwd")).toBe("0\n");
    expect((await at.curl("/available")).body).toMatchObject({
      available: [],
      reserved: [],
      unavailable: [],
    });
  }, 60_000);

  test(
    "just run-dev: an edit in routes/ is answered, one in web/ on the page, within 2 s",
    async () => {
      await at.do("just", "run-dev");
      expect((await at.curl("/available")).body.available).toHaveLength(3);
      const health = async () => JSON.stringify((await at.curl("/healthz")).body);
      const file = join(at.folder, "routes/healthz.ts");
      expect(await takesEffect(file, '"ok"', '"edited"', health)).toBe(true);
      expect(await showsStyle(at.folder, `https://localhost:${at.httpsPort}`)).toBe(true);
    },
    2 * MINUTE,
  );

  test(
    "SIGTERM ends API and scheduler with exit code 0",
    async () => {
      const ids = (await at.stack("compose", "ps", "--quiet", "api", "scheduler")).trim().split("\n");
      await at.stack("compose", "stop", "api", "scheduler");
      const codes = await run(["docker", "inspect", "--format", "{{.State.ExitCode}}", ...ids]);
      expect(codes.output.trim().split("\n")).toEqual(ids.map(() => "0"));
    },
    MINUTE,
  );

  test(
    "just clean leaves nothing",
    async () => {
      await at.do("just", "clean");
      expect(await at.left()).toBe("");
      expect(await at.files()).toBe(fresh);
    },
    MINUTE,
  );
});
