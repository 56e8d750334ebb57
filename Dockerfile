# One image for all programs of the mesh: docker build -t registry.example/remora .
# test/cluster/image/remora-image.ts reads the final stage and assembles the same image without Docker.

FROM node:26.10.0-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# Compiled code that Node keeps fits the Node, the kind of CPU and the path that it was made with: all as in the final stage.
RUN npm run build && node image/fill.ts /

FROM node:26.10.0-trixie-slim
LABEL org.opencontainers.image.title="Remora"
LABEL org.opencontainers.image.description="A service mesh whose sidecar is a small proxy on Node.js"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.base.name="docker.io/library/node:26.10.0-trixie-slim"
COPY --from=build /opt/remora /opt/remora
ENV NODE_ENV=production
ENV NODE_COMPILE_CACHE=/opt/remora/cache
USER 65532:65532
ENTRYPOINT ["node"]
