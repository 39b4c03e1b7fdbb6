# The daemon and its tool in one image:  docker build -t image-volume-cache .
# Volumes are kept below /var/lib/image-volume-cache, settings come from IVC_* variables or a mounted
# /etc/image-volume-cache/local.json5.

FROM node:24.21.0-bookworm-slim AS modules
WORKDIR /opt/image-volume-cache
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates qemu-utils qemu-block-extra libiscsi-bin util-linux \
  && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* /usr/local/bin/yarn /usr/local/bin/yarnpkg \
  && mkdir -p /etc/image-volume-cache /var/lib/image-volume-cache/volumes \
  && chown -R node:node /var/lib/image-volume-cache \
  && ln -s /opt/image-volume-cache/bin/ivc /opt/image-volume-cache/bin/ivcd /usr/local/bin/
WORKDIR /opt/image-volume-cache
COPY --from=modules /opt/image-volume-cache/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY config config
COPY cli cli
COPY daemon daemon
ENV NODE_ENV=production \
  NODE_CONFIG_DIR=/opt/image-volume-cache/config:/etc/image-volume-cache \
  IVC_FILE_ROOT=/var/lib/image-volume-cache/volumes
USER node
VOLUME ["/var/lib/image-volume-cache"]
EXPOSE 8779
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.IVC_HTTP_PORT || 8779}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["/opt/image-volume-cache/bin/ivcd"]
