# One image for the API and, with SCHEDULER=true, for the scheduler.
FROM oven/bun:1.4 AS packages
WORKDIR /home/bun/app
COPY package.json bun.lock bunfig.toml ./
# Only the versions and hashes of bun.lock; no package runs its own install scripts.
RUN bun install --frozen-lockfile --production --ignore-scripts

FROM packages AS dashboard
COPY . .
RUN bun --no-env-file web/build.ts

FROM oven/bun:1.4
WORKDIR /home/bun/app
ENV NODE_ENV=production
# One folder up, so that compose.dev.yml can mount a checkout over this one.
COPY --from=packages /home/bun/app/node_modules ../node_modules
# .dockerignore decides what is copied. The files belong to root: the program can't change itself.
COPY . .
COPY --from=dashboard /home/bun/app/web/dist web/dist
USER bun
# --no-env-file: the settings come from compose.yml, never from a stray .env.
CMD ["bun", "--no-env-file", "server.ts"]
