// The text of the systemd units.
import { join } from "node:path";
import { ROOT, STATE } from "../script/settings.ts";
import { CHECKOUT } from "./places.ts";

/** Common to all four. A test checks it with `systemd-analyze security`. */
const HARDENING = `NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
UMask=0022
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM`;

const NETWORK = "AF_UNIX AF_INET AF_INET6";

/** The units of these services. @param app where the program's sources are */
export function unitsOf(services: string[], app: string): Map<string, string> {
  const service = `/bin/bash ${app}/provision/native/service.sh`;
  const state = (path: string) => join(STATE, path);
  const program = (name: string) => `User=machine-manager
DynamicUser=yes
PrivateUsers=yes
CapabilityBoundingSet=
RestrictAddressFamilies=${NETWORK}
RuntimeDirectory=machine-manager-${name}
RuntimeDirectoryMode=0700
ExecStartPre=+${service} hand-over ${state("run/program.env")}`;
  const own: Record<string, string> = {
    db: `ExecStartPre=+${service} db-files
User=mysql
ReadWritePaths=${state("mysql")} ${state("run")}
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX
PrivateNetwork=yes
IPAddressDeny=any
MemoryDenyWriteExecute=yes`,
    api: program("api"),
    scheduler: program("scheduler"),
    nginx: `User=www-data
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
RestrictAddressFamilies=${NETWORK}
MemoryDenyWriteExecute=yes
RuntimeDirectory=machine-manager-nginx
KillSignal=SIGQUIT
RuntimeDirectoryMode=0700
ExecStartPre=+${service} hand-over ${["certificate/cert.pem", "certificate/key.pem", "nginx/nginx.conf", "nginx/site.conf"].map(state).join(" ")}`,
  };
  const afterDatabase = services.filter((name) => name === "db");
  const after: Record<string, string[]> = { api: afterDatabase, scheduler: afterDatabase, nginx: ["api"] };
  return new Map(
    services.map((name) => [name, unit(name, after[name] ?? [], service, app, own[name] ?? "")]),
  );
}

function unit(name: string, after: string[], service: string, app: string, own: string): string {
  const units = after.map((one) => `machine-manager-${one}.service`);
  return `# Written by \`just install-systemd\` of ${ROOT}
[Unit]
Description=Machine Manager: ${name}
After=${["network.target", ...units].join(" ")}
# Restarted without end.
StartLimitIntervalSec=0

[Service]
ExecStart=${service} ${name}
Environment=BY_SYSTEMD=1 STATE=${STATE} APP=${app} CHECKOUT=${CHECKOUT}
Restart=always
RestartSec=1
TimeoutStopSec=12
KillMode=mixed
${HARDENING}
${own}

[Install]
WantedBy=multi-user.target
`;
}
