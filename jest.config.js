/** Tests run the TypeScript files as they are: types are stripped, nothing is bundled. */
export default {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/helpers/strip-types.js" },
  coverageProvider: "v8",
  collectCoverageFrom: ["daemon/**/*.ts", "cli/**/*.ts"],
  testTimeout: 60_000,
  maxWorkers: 2,
};
