# One image for the API and, with SCHEDULER=true, for the scheduler.
FROM oven/bun:1.4 AS packages
WORKDIR /home/bun/app
COPY package.json bun.lock bunfig.toml ./
# The versions and hashes of bun.lock or nothing; no package runs code of its own here.
RUN bun install --frozen-lockfile --production --ignore-scripts

FROM oven/bun:1.4
WORKDIR /home/bun/app
ENV NODE_ENV=production
# One folder up, so that compose.dev.yml may put a checkout over this one.
COPY --from=packages /home/bun/app/node_modules ../node_modules
# What there is to copy is decided by .dockerignore. The files stay root's: the program can't change itself.
COPY . .
USER bun
# --no-env-file: the settings are compose.yml's, never a stray .env's.
CMD ["bun", "--no-env-file", "server.ts"]
