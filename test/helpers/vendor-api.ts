import { readFile } from "node:fs/promises";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import type { Version } from "../../simulator/version.ts";
import { queryProblems } from "./vendor-query.ts";
import type { VendorExchange } from "./vendor-recorder.ts";
import {
  jsonSchemaOf,
  type SchemaReading,
  type VendorNode,
} from "./vendor-schema.ts";

interface Root {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, VendorNode | undefined>> | undefined>
  >;
}

const versionPath = "/api/api_version";

/** One of the vendor's OpenAPI files as a judge of exchanges. */
export class VendorApi {
  readonly #root: Root;
  readonly #isRelaxed: boolean;
  readonly #validators = new Map<VendorNode, ValidateFunction>();
  readonly #ajv = new Ajv({
    strict: true,
    allErrors: true,
    allowUnionTypes: true,
    formats: {
      int32: { type: "number", validate: (n) => Math.abs(n) < 2 ** 31 },
      uint32: { type: "number", validate: (n) => n >= 0 && n < 2 ** 32 },
      int64: { type: "number", validate: Number.isSafeInteger },
      float: true,
      double: true,
    },
  });

  private constructor(root: Root, isRelaxed: boolean) {
    this.#root = root;
    this.#isRelaxed = isRelaxed;
  }

  /** `isRelaxed`: the file itself says which fields may be null; otherwise all of an answer may. */
  static async read(file: string, isRelaxed: boolean): Promise<VendorApi> {
    const root = parse(await readFile(file, "utf8")) as Root;
    return new VendorApi(root, isRelaxed);
  }

  /** What the file does not allow in a request; empty when all is well. */
  requestProblems(exchange: VendorExchange, version: Version): string[] {
    const operation = this.#operation(exchange, version);
    if (operation === undefined) {
      return ["no such path and method"];
    }
    const parameters = (operation.parameters ?? [])
      .map(this.#follow)
      .filter((parameter) => parameter.in === "query");
    const [, query = ""] = exchange.target.split("?");
    return [
      ...queryProblems(query, parameters, this.#follow),
      ...this.#bodyProblems(exchange, operation),
    ];
  }

  /** What the file does not describe in an answer of status 200. */
  answerProblems(exchange: VendorExchange, version: Version): string[] {
    const operation = this.#operation(exchange, version);
    const answer = this.#follow(operation?.responses?.["200"] ?? {});
    const schema = answer.content?.["application/json"]?.schema;
    const { answerBody, answerHeaders } = exchange;
    if (schema === undefined) {
      return answerBody === "" ? [] : ["a body where none is described"];
    }
    const type = answerHeaders["content-type"] ?? "";
    return [
      ...(type.startsWith("application/json") ? [] : [`content-type ${type}`]),
      ...this.#problemsOf(schema, JSON.parse(answerBody), {
        follow: this.#follow,
        of: "answer",
        isAllNullable: !this.#isRelaxed,
      }),
    ];
  }

  readonly #follow = (node: VendorNode): VendorNode => {
    const parts = node.$ref?.split("/").slice(1);
    return parts === undefined
      ? node
      : this.#follow(
          parts.reduce<unknown>(
            (at, part) => (at as Record<string, unknown>)[part],
            this.#root,
          ) as VendorNode,
        );
  };

  #operation(
    { method, target }: VendorExchange,
    version: Version,
  ): VendorNode | undefined {
    const [path = ""] = target.split("?");
    const isOfVersion =
      path === versionPath || path.startsWith(`/api/${version}/`);
    return isOfVersion
      ? this.#root.paths[path]?.[method.toLowerCase()]
      : undefined;
  }

  #bodyProblems(
    { requestBody, requestHeaders }: VendorExchange,
    operation: VendorNode,
  ): string[] {
    const described = this.#follow(operation.requestBody ?? {});
    const schema = described.content?.["application/json"]?.schema;
    if (requestBody === "") {
      return described.required === true ? ["no body"] : [];
    }
    if (schema === undefined) {
      return ["a body where none is described"];
    }
    const type = requestHeaders["content-type"] ?? "";
    return [
      ...(type.startsWith("application/json") ? [] : [`content-type ${type}`]),
      ...this.#problemsOf(schema, JSON.parse(requestBody), {
        follow: this.#follow,
        of: "request",
        isAllNullable: false,
      }),
    ];
  }

  #problemsOf(
    schema: VendorNode,
    body: unknown,
    reading: SchemaReading,
  ): string[] {
    const validate =
      this.#validators.get(schema) ??
      this.#ajv.compile(jsonSchemaOf(schema, reading));
    this.#validators.set(schema, validate);
    return validate(body)
      ? []
      : (validate.errors ?? []).map(
          ({ instancePath, message, params }) =>
            `${instancePath} ${message}${"additionalProperty" in params ? ` (${params["additionalProperty"]})` : ""}`,
        );
  }
}
