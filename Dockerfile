# syntax=docker/dockerfile:1
# Crossfade as an image: compiled in the first stage, production dependencies in the second, and only what runs in the last.
# It runs as user 1000 on a read-only root: what it writes lies in /var/lib/crossfade (a volume) and /tmp (a tmpfs).
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Nothing that is compiled needs an install script; the Node is the image's own.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY deploy deploy
COPY adapters adapters
COPY proxy proxy
RUN npm run build

FROM node:24-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
LABEL org.opencontainers.image.title="Crossfade" \
      org.opencontainers.image.description="HTTP dual-write proxy" \
      org.opencontainers.image.licenses="Apache-2.0"
# The compile cache has no place on a read-only root.
ENV NODE_ENV=production \
    NODE_DISABLE_COMPILE_CACHE=1 \
    MALLOC_ARENA_MAX=4 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/crossfade
# Relative paths of the config (store, member folder, divergence log) are below it.
WORKDIR /var/lib/crossfade
VOLUME /var/lib/crossfade
USER 1000:1000
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:9090/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/proxy/cli/main.js"]
CMD ["start", "--config", "/etc/crossfade/crossfade.yaml"]
