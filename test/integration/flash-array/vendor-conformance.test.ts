import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { isAtLeast } from "../../../simulator/version.ts";
import { VendorApi } from "../../helpers/vendor-api.ts";
import { recordLife } from "../../helpers/vendor-life.ts";
import type { VendorExchange } from "../../helpers/vendor-recorder.ts";

/** Folder with the vendor's OpenAPI files and the table made of them. */
const folder = process.env["FLASHARRAY_SPEC_DIR"] ?? "";
const withFiles = folder === "" ? describe.skip : describe;
if (folder === "") {
  console.log(
    "Requests and answers are not checked by the vendor's files: FLASHARRAY_SPEC_DIR is not set.",
  );
}

/** What answers of a real array (its captures) have although no file, or not all, describe it. */
const beyondFiles = new Set([
  "GET controllers 200: /items/# must NOT have additional properties (mode_since)",
  "GET pods 200: /total/#/arrays must NOT have fewer than # items",
  "GET pods 200: /total/#/members must NOT have fewer than # items",
]);

/** All that a backend asks an array for, done and refused. */
const asked = [
  "DELETE connections 200",
  "DELETE hosts 200",
  "DELETE volumes 200",
  "DELETE volumes 400",
  "GET api_version 200",
  "GET arrays 200",
  "GET arrays/space 200",
  "GET arrays/space 401",
  "GET connections 200",
  "GET controllers 200",
  "GET hosts 200",
  "GET network-interfaces 200",
  "GET pods 200",
  "GET ports 200",
  "GET volume-groups 200",
  "GET volume-groups 400",
  "GET volumes 200",
  "GET volumes 400",
  "GET volumes/tags 200",
  "PATCH hosts 200",
  "PATCH volumes 200",
  "POST connections 200",
  "POST hosts 200",
  "POST login 200",
  "POST logout 200",
  "POST logout 401",
  "POST volume-groups 200",
  "POST volumes 200",
  "POST volumes 400",
  "PUT volumes/tags/batch 200",
];

withFiles.each([
  ["2.4", "FA2.4.spec.yaml"],
  ["2.26", "FA2.26.relaxed.yaml"],
  ["2.36", "FA2.36.spec.yaml"],
] as const)(
  "by the vendor's file of REST %s, a backend's life",
  (version, file) => {
    let api: VendorApi;
    let exchanges: readonly VendorExchange[];

    beforeAll(async () => {
      const isRelaxed = file.includes("relaxed");
      api = await VendorApi.read(path.join(folder, file), isRelaxed);
      exchanges = await recordLife(version);
    }, 180_000);

    const ofCall = (call: string) =>
      exchanges.find((exchange) => callOf(exchange) === `${call} 200`)!;

    const requestProblems = (exchange: VendorExchange) =>
      api.requestProblems(exchange, version);

    const answerProblems = (exchange: VendorExchange) =>
      api.answerProblems(exchange, version);

    it("has all calls, paging, and what only new versions have", () => {
      const calls = new Set(exchanges.map(callOf));
      expect([...calls].toSorted()).toEqual(asked);
      const all = exchanges
        .map(({ target, requestBody }) => `${target} ${requestBody}\n`)
        .join("");
      expect(all).toMatch(/limit=\d+&continuation_token=/);
      expect(all).toMatch(/volumes\?names=dr%3A%3A/);
      for (const word of ["host_password", "iops_limit", "nqns", "wwns"]) {
        const isSent = word !== "nqns" || isAtLeast(version, "2.21");
        expect({ word, isSent: all.includes(`"${word}"`) }).toEqual({
          word,
          isSent,
        });
      }
      expect(all.includes("with_default_protection=false")).toBe(
        isAtLeast(version, "2.16"),
      );
    });

    it("has no request with an unknown path, parameter or field, or a value of a wrong form", () => {
      expect(told(exchanges, requestProblems)).toEqual([]);
    });

    it("has no answer with an unknown field or a value of a wrong type", () => {
      const done = exchanges.filter(({ status }) => status === 200);
      const problems = told(done, answerProblems);
      expect(problems.filter((one) => !beyondFiles.has(one))).toEqual([]);
      expect(done.length).toBeGreaterThan(300);
    });

    it("has one form of errors: messages, in JSON", () => {
      const errors = exchanges.filter(({ status }) => status !== 200);
      expect(errors.length).toBeGreaterThan(5);
      for (const { answerHeaders, answerBody } of errors) {
        expect(answerHeaders["content-type"]).toMatch(/^application\/json/);
        expect(JSON.parse(answerBody)).toEqual({
          errors: [expect.objectContaining({ message: expect.any(String) })],
        });
      }
    });

    it.each([
      ["GET volumes", "volume=a", "unknown parameter volume"],
      [
        "GET volumes",
        "limit=1&limit=2",
        "limit: repeated, not one comma-separated value",
      ],
      ["GET volumes", "destroyed=True", "destroyed: no boolean: True"],
      ["GET volumes", "offset=-1", "offset: no integer: -1"],
      ["GET volumes", "limit=1.5", "limit: no integer: 1.5"],
      ["GET volumes", "names=a,,b", "names: not encoded, or empty: "],
      ["GET volumes", "names=a&ids=b", "both names and ids"],
      ["GET pods", "names=a/b", "names: not encoded, or empty: a/b"],
      ["GET hosts", "ids=1", "unknown parameter ids"],
    ])("would be found out if %s had the query %s", (call, query, problem) => {
      const found = ofCall(call);
      const [bare = ""] = found.target.split("?");
      const wrong = { ...found, target: `${bare}?${query}` };
      expect(requestProblems(wrong)).toEqual([problem]);
    });

    it.each([
      ["POST volumes", { overwrite: true }, /\(overwrite\)/],
      ["POST volumes", { source: { uuid: "1" } }, /\/source .*\(uuid\)/],
      ["PATCH volumes", { provisioned: "1G" }, /\/provisioned must be integer/],
      ["POST hosts", { iqns: "iqn" }, /\/iqns must be array/],
      ["POST hosts", { iqns: null }, /\/iqns must be array/],
      ["POST login", {}, /a body where none is described/],
      ["PUT volumes/tags/batch", {}, /must be array/],
    ])("would be found out if %s sent %j", (call, body, problem) => {
      const headers = { "content-type": "application/json" };
      const requestBody = JSON.stringify(body);
      const found = { ...ofCall(call), requestHeaders: headers, requestBody };
      expect(requestProblems(found).join("\n")).toMatch(problem);
    });

    it.each([
      ["GET volumes", { items: [{ serials: "1" }] }, /\(serials\)/],
      ["GET volumes", { items: [{ created: "now" }] }, /\/created must be/],
      ["GET hosts", { items: [{ chap: { user: "a" } }] }, /\/chap .*\(user\)/],
      ["GET ports", { more: false }, /\(more\)/],
    ])("would be found out if %s answered %j", (call, body, problem) => {
      const wrong = { ...ofCall(call), answerBody: JSON.stringify(body) };
      expect(answerProblems(wrong).join("\n")).toMatch(problem);
    });

    it("would be found out if it called what is not there", () => {
      const found = ofCall("GET volumes");
      expect(requestProblems({ ...found, method: "PUT" })).toEqual([
        "no such path and method",
      ]);
      const elsewhere = found.target.replace("/volumes", "/volume");
      expect(requestProblems({ ...found, target: elsewhere })).toEqual([
        "no such path and method",
      ]);
    });

    if (version === "2.26") {
      it("has only parameters of the table made of that file", async () => {
        const table = JSON.parse(
          await readFile(path.join(folder, "facts-2.26.json"), "utf8"),
        ) as Readonly<Record<string, { readonly query: object } | undefined>>;
        const unknown = exchanges.flatMap(({ method, target }) => {
          const { pathname, searchParams } = new URL(target, "https://array");
          const query = table[`${method} ${pathname}`]?.query;
          const names = [...searchParams.keys()];
          return query === undefined
            ? [pathname]
            : names.filter((name) => !Object.hasOwn(query, name));
        });
        expect(unknown).toEqual([]);
      });
    }
  },
);

/** Each problem once, with its call. */
function told(
  exchanges: readonly VendorExchange[],
  problemsOf: (exchange: VendorExchange) => readonly string[],
): readonly string[] {
  const problems = exchanges.flatMap((exchange) =>
    problemsOf(exchange).map(
      (problem) => `${callOf(exchange)}: ${problem.replaceAll(/\d+/g, "#")}`,
    ),
  );
  return [...new Set(problems)];
}

function callOf({ method, target, status }: VendorExchange): string {
  const [url = ""] = target.split("?");
  return `${method} ${url.replace(/^\/api\/(?:2\.\d+\/)?/, "")} ${status}`;
}
