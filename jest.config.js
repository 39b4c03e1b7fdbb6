/** Tests run the TypeScript files as they are: types are stripped, nothing is bundled. */
const shared = {
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/helpers/strip-types.js" },
};

export default {
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/unit/**/*.test.ts"],
    },
    {
      ...shared,
      displayName: "integration",
      testMatch: [
        "<rootDir>/test/{integration,contract,faults,e2e}/**/*.test.ts",
      ],
      globalSetup: "<rootDir>/test/helpers/global-setup.ts",
      globalTeardown: "<rootDir>/test/helpers/global-teardown.ts",
    },
  ],
  coverageProvider: "v8",
  collectCoverageFrom: ["daemon/**/*.ts", "cli/**/*.ts"],
  testTimeout: 60_000,
  maxWorkers: 2,
};
