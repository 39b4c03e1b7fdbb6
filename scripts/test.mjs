// `node scripts/test.mjs [all|checks|unit|integration] [arguments for jest]`: runs the checks and the tests, and ends
// with one line of what passed. A check counts as one test when it fails; a test file that does not load too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bin = path.join(root, "node_modules", ".bin");

const checks = {
  types: ["tsc"],
  lint: ["oxlint"],
  format: ["oxfmt", "--check"],
  "unused code": ["knip"],
};

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, NODE_ENV: "test" },
  });
  return error === undefined && status === 0;
}

function runChecks() {
  let failed = 0;
  for (const [name, [program, ...args]] of Object.entries(checks)) {
    const started = Date.now();
    const isClean = run(path.join(bin, program), args);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`${isClean ? "clean " : "FAILED"} ${name} (${seconds} s)`);
    failed += isClean ? 0 : 1;
  }
  return { passed: 0, failed, skipped: 0 };
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function runJest(args) {
  const folder = mkdtempSync(path.join(tmpdir(), "ivc-results-"));
  const resultFile = path.join(folder, "results.json");
  const isGreen = run(process.execPath, [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    path.join(root, "node_modules/jest/bin/jest.js"),
    "--json",
    `--outputFile=${resultFile}`,
    ...args,
  ]);
  const results = readResults(resultFile);
  rmSync(folder, { recursive: true, force: true });
  if (results === null) {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  return {
    passed: results.numPassedTests,
    // Jest can fail without a failed test, for example in a global hook.
    failed: failed === 0 && !isGreen ? 1 : failed,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

const [what = "all", ...jestArgs] = process.argv.slice(2);
const steps = {
  all: () => [runChecks(), runJest(jestArgs)],
  checks: () => [runChecks()],
  unit: () => [runJest([...jestArgs, "--selectProjects", "unit"])],
  integration: () => [
    runJest([...jestArgs, "--selectProjects", "integration"]),
  ],
};
if (!Object.hasOwn(steps, what)) {
  console.error(
    `unknown: ${what}; use one of ${Object.keys(steps).join(", ")}`,
  );
  process.exit(2);
}
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const result of steps[what]()) {
  totals.passed += result.passed;
  totals.failed += result.failed;
  totals.skipped += result.skipped;
}
console.log(
  what === "checks"
    ? `${totals.failed} failed checks`
    : `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`,
);
process.exitCode = totals.failed === 0 ? 0 : 1;
