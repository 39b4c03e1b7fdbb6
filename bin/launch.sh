# Read by the launchers beside it: runs a TypeScript file of this installation on the pinned Node, else on the system's.
# Needs $0 to be the launcher's path. Usage: launch <file below the installation> "$@"

launch() {
  self=$(readlink -f -- "$0") || exit 78
  install=${self%/bin/*}
  main=$1
  shift

  node=$install/node_modules/node/bin/node
  if ! [ -x "$node" ]; then
    node=$(command -v node || true)
    if [ -z "$node" ] || ! "$node" -e '
      const [major, minor] = process.versions.node.split(".").map(Number);
      process.exit(major > 24 || (major === 24 && minor >= 12) ? 0 : 1);'; then
      echo "${self##*/}: NODE_TOO_OLD: needs Node 24.12 or later; run \`npm ci\` in $install, which brings one, or put a newer node on PATH" >&2
      exit 78
    fi
  fi
  if ! [ -d "$install/node_modules" ]; then
    echo "${self##*/}: MODULES_MISSING: run \`npm ci --omit=dev\` in $install" >&2
    exit 78
  fi

  NODE_CONFIG_DIR=${NODE_CONFIG_DIR:-$install/config}
  export NODE_CONFIG_DIR
  exec "$node" --disable-warning=ExperimentalWarning "$install/$main" "$@"
}
