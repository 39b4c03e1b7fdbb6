// Installs what a command of this project needs and is missing: `node scripts/setup.mjs [start|check|demo|test|bench|simulator]`.
// Runs on any Node from 18 on and without node_modules, as it may be the first thing that runs in a fresh clone.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const policyFile = "/usr/sbin/policy-rc.d";
const isRoot = process.getuid?.() === 0;

/** Debian package → files of which one shows that it is there, and the variable that names a server to use instead. */
const packages = {
  "rabbitmq-server": {
    files: ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    program: "rabbitmq-server",
    insteadOf: "IVC_TEST_AMQP_URL",
    hasImage: true,
  },
  "redis-server": {
    program: "redis-server",
    insteadOf: "IVC_TEST_REDIS_URL",
    hasImage: true,
  },
  "qemu-utils": { program: "qemu-img" },
  // Mounting needs root, without which the tests use a plain folder.
  xfsprogs: { program: "mkfs.xfs", needsRoot: true },
  "util-linux": { program: "prlimit" },
  "python3-oslo.messaging": {
    files: ["/usr/lib/python3/dist-packages/oslo_messaging"],
  },
  "grub-rescue-pc": { files: ["/usr/lib/grub-rescue/grub-rescue-usb.img"] },
  curl: { program: "curl" },
  // The FlashArray simulator's iSCSI target, two clients of it, and what makes its certificate.
  tgt: { program: "tgtd" },
  "qemu-block-extra": { files: inLibraryFolders("qemu/block-iscsi.so") },
  "libiscsi-bin": { program: "iscsi-inq" },
  openssl: { program: "openssl" },
  systemd: { program: "systemd-analyze" },
};

const all = Object.keys(packages);
const groups = {
  start: [],
  check: [],
  demo: all.filter((name) => name !== "systemd"),
  test: all,
  bench: all.filter((name) => name !== "systemd"),
  simulator: ["tgt", "openssl", "xfsprogs", "util-linux"],
};

/** Debian keeps libraries and plugins in folders named after the processor. */
function inLibraryFolders(file) {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib") : [];
  return ["", ...folders].map((folder) => path.join("/usr/lib", folder, file));
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function giveUp(text) {
  say(text);
  process.exit(1);
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: { ...process.env, ...env },
  });
  return error === undefined && status === 0;
}

function onPath(program) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return [...folders, "/usr/sbin", "/sbin", "/usr/local/sbin"].some((folder) =>
    existsSync(path.join(folder, program)),
  );
}

function isInstalled({ program, files = [] }) {
  return (
    (program !== undefined && onPath(program)) ||
    files.some((file) => existsSync(file))
  );
}

/** True when node_modules holds exactly what package-lock.json asks for. */
function hasModules(withDev) {
  const read = (file) =>
    JSON.parse(readFileSync(path.join(root, file), "utf8")).packages;
  try {
    // npm writes the second file last, so that an install that was cut off does not pass.
    const wanted = read("package-lock.json");
    const present = read("node_modules/.package-lock.json");
    return Object.entries(wanted).every(
      ([name, { version, dev, devOptional, optional }]) =>
        name === "" ||
        optional === true ||
        devOptional === true ||
        (dev === true && !withDev) ||
        present[name]?.version === version,
    );
  } catch {
    return false;
  }
}

function installModules(withDev) {
  if (hasModules(withDev)) {
    return;
  }
  say("installing node modules (npm ci, about half a minute)");
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  // NODE_ENV=production or an `omit` of the user must not leave out what is about to be used.
  args.push(withDev ? "--include=dev" : "--omit=dev");
  if (!run("npm", args)) {
    giveUp(
      "`npm ci` failed, see above. It needs the network (or a warm npm cache); run it by hand, then repeat the command.",
    );
  }
}

function hasContainers() {
  return run("sh", ["-c", "timeout 10 docker info >/dev/null 2>&1"]);
}

/** The lists have a lock that apt does not wait for: on a fresh machine another update may be running. */
function updateLists(lock, env) {
  for (let turn = 0; turn < 6; turn += 1) {
    if (run("apt-get", ["update", "-qq", ...lock], env)) {
      return true;
    }
    run("sleep", ["5"]);
  }
  return false;
}

/** Installs without starting the services: the tests run servers of their own, on ports of their own. */
function aptInstall(names) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const lock = ["-o", "DPkg::Lock::Timeout=600"];
  const isGuarded = existsSync(policyFile);
  if (!isGuarded) {
    writeFileSync(policyFile, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  }
  const removeGuard = () => {
    if (!isGuarded) {
      rmSync(policyFile, { force: true });
    }
  };
  // Ctrl-C ends apt-get, which runs in the same terminal; this process goes on to clean up.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  if (!updateLists(lock, env)) {
    say("apt-get update failed; trying with the package lists there are");
  }
  const options = ["-y", "-qq", "--no-install-recommends", ...lock];
  const isDone = run("apt-get", ["install", ...options, ...names], env);
  removeGuard();
  return isDone;
}

function missingPackages(group) {
  let missing = groups[group].filter((name) => {
    const { insteadOf, needsRoot } = packages[name];
    const isReplaced = insteadOf !== undefined && process.env[insteadOf];
    return (
      !isReplaced && !(needsRoot && !isRoot) && !isInstalled(packages[name])
    );
  });
  const isServer = (name) => packages[name].hasImage === true;
  if (!isRoot && missing.some(isServer) && hasContainers()) {
    say("RabbitMQ and Redis will run in containers");
    missing = missing.filter((name) => !isServer(name));
  }
  return missing;
}

function installPackages(group) {
  const missing = missingPackages(group);
  if (missing.length === 0) {
    return;
  }
  const names = missing.join(" ");
  const commands = `sudo apt-get update && sudo apt-get install --no-install-recommends ${names}`;
  if (!onPath("apt-get")) {
    giveUp(
      `missing: ${names} (Debian's names), and this system has no apt-get. Install their equivalents, or run RabbitMQ and Redis elsewhere and set IVC_TEST_AMQP_URL and IVC_TEST_REDIS_URL.`,
    );
  }
  if (!isRoot) {
    giveUp(
      `missing: ${names}. Run:\n\n  ${commands}\n\n(Debian starts the servers as services then. They are not used here, so if you do not want them:\n  sudo systemctl disable --now rabbitmq-server redis-server tgt)`,
    );
  }
  say(`installing ${names} (apt-get, one or two minutes)`);
  if (!aptInstall(missing)) {
    giveUp(`apt-get failed, see above. By hand:\n\n  ${commands}\n`);
  }
}

const group = process.argv[2] ?? "start";
if (!Object.hasOwn(groups, group)) {
  giveUp(
    `unknown group ${group}: use one of ${Object.keys(groups).join(", ")}`,
  );
}
installModules(group !== "start");
installPackages(group);
