// nginx's settings in the native stack; site.conf.template has the part that both modes share.

/** The text of nginx.conf, which includes site.conf. */
export function nginxConf(asRoot: boolean): string {
  return `${asRoot ? "user www-data;" : ""}
worker_processes 2;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  include site.conf;
}
`;
}

/** Does what envsubst does, which a bare machine lacks. */
export function fillTemplate(template: string, values: Record<string, string>): string {
  let text = template;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`\${${name}}`, () => value);
  return text;
}
