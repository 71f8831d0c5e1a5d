# Two stages: the first compiles, the second holds what runs. No compiler, no sources and no development packages in it.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY tools ./tools
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
# Where sessions live unless the configuration names a store; the only folder that the process may write to.
ENV STATE_DIRECTORY=/data
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
# The process itself receives the signal, drains and exits with 0.
STOPSIGNAL SIGTERM
# Any answer of the proxy itself will do: a page of the application, or its error page when the application is away. Where plain
# http gets none, https is tried (`listen.tls`), whatever the certificate: it is another name's than 127.0.0.1.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "const ask = (scheme, fail) => require('node:' + scheme).get({ host: '127.0.0.1', port: process.env.TRANSID_HEALTH_PORT ?? 8080, path: process.env.TRANSID_HEALTH_PATH ?? '/', rejectUnauthorized: false }, () => process.exit(0)).on('error', fail); ask('http', () => ask('https', () => process.exit(1)))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve", "-c", "/etc/transid/transid.yaml"]
