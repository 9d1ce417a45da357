FROM node:24-bookworm-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY shared/package.json shared/
COPY tools/package.json tools/
COPY server/package.json server/
COPY client/package.json client/
COPY bridge/package.json bridge/
COPY cli/package.json cli/
COPY dashboard/package.json dashboard/


FROM manifests AS build
# No package needs an install script. The binary of the bundler is an optional package.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
# Types, maps and the compiler's notes are for who builds.
RUN find shared/dist tools/dist server/dist client/dist bridge/dist cli/dist -type f ! -name '*.js' ! -name LICENSES ! -name reply-examples.json -delete


FROM manifests AS dependencies
# TypeScript is left after this because @trpc/server names it as a peer; it imports only its types.
RUN npm ci --omit=dev --omit=optional --omit=peer --ignore-scripts && rm -rf node_modules/typescript node_modules/.bin
# The SQLite driver brings its sources and a binary for every platform: one is enough.
RUN rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
  && find node_modules/better-sqlite3/prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete
RUN find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.cts' -o -name '*.mts' \) -delete \
  && find node_modules -type d -empty -delete


FROM node:24-bookworm-slim
ENV NODE_ENV=production MCP_HOST=0.0.0.0
WORKDIR /app
# Owned by root: the server's user can change nothing but its data.
COPY --from=dependencies /app ./
COPY drizzle drizzle
COPY --from=build /app/shared/dist shared/dist
COPY --from=build /app/tools/dist tools/dist
COPY --from=build /app/server/dist server/dist
COPY --from=build /app/client/dist client/dist
COPY --from=build /app/bridge/dist bridge/dist
COPY --from=build /app/cli/dist cli/dist
COPY --from=build /app/dashboard/dist dashboard/dist
# A volume takes the owner of its folder.
RUN mkdir /data /backups && chown node:node /data /backups \
  && chmod 755 cli/dist/main.js && ln -s /app/cli/dist/main.js /usr/local/bin/tony-mcp
USER node
VOLUME /data
# The default database, tony-mcp.db, is in the current folder. A variable for it here would stand
# against a DATABASE_URL that names a PostgreSQL.
WORKDIR /data
EXPOSE 3456
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = 0; fetch(`${process.env.TLS_CERT_FILE ? 'https' : 'http'}://127.0.0.1:${process.env.MCP_PORT || process.env.PORT || 3456}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
CMD ["node", "/app/cli/dist/main.js", "serve"]
# At the end: these values differ in each build, and the layers above are kept.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tony MCP" \
  org.opencontainers.image.description="Coordination server for fleets of AI coding agents" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION" \
  org.opencontainers.image.base.name="docker.io/library/node:24-bookworm-slim"
