import { ArrayRefusal } from "../../simulator/array-refusal.ts";
import { Clock } from "../../simulator/clock.ts";
import type { DataPlane } from "../../simulator/data-plane/data-plane.ts";
import { ArrayModel } from "../../simulator/model/array-model.ts";
import type { ArraySettings } from "../../simulator/model/array-settings.ts";
import { allEndpoints } from "../../simulator/resources/all-endpoints.ts";
import { checkBody } from "../../simulator/rest/check-body.ts";
import type { Endpoint, Item } from "../../simulator/rest/endpoint.ts";
import { leaveOutNewer } from "../../simulator/rest/leave-out-newer.ts";
import { parseQuery } from "../../simulator/rest/parse-query.ts";
import type { Version } from "../../simulator/version.ts";
import { MemoryDataPlane } from "../fakes/memory-data-plane.ts";

/** Calls endpoints of a model without a server: `GET volumes?names=a`. */
export class ArrayRig {
  static async create(
    settings: Partial<ArraySettings> = {},
    realPlane?: DataPlane,
  ): Promise<ArrayRig> {
    const clock = new Clock();
    const plane = new MemoryDataPlane();
    const model = await ArrayModel.create({
      clock,
      dataPlane: realPlane ?? plane,
      settings,
    });
    return new ArrayRig(model, clock, plane);
  }

  readonly model: ArrayModel;
  readonly clock: Clock;
  /** Unused where a real one was given. */
  readonly plane: MemoryDataPlane;
  readonly endpoints: readonly Endpoint[];

  private constructor(model: ArrayModel, clock: Clock, plane: MemoryDataPlane) {
    this.model = model;
    this.clock = clock;
    this.plane = plane;
    this.endpoints = allEndpoints(model);
  }

  /** Items of the answer as that version has them. */
  async call(
    request: string,
    body?: unknown,
    version: Version = "2.26",
  ): Promise<readonly Item[]> {
    const [method, target = ""] = request.split(" ");
    const [path, query = ""] = target.split("?");
    const endpoint = this.endpoints.find(
      (one) => one.method === method && one.path === path,
    );
    if (endpoint === undefined) {
      throw new Error(`no endpoint for ${request}`);
    }
    const text = body === undefined ? "" : JSON.stringify(body);
    const { items } = await endpoint.handle({
      version,
      query: parseQuery(query, endpoint, version),
      body: checkBody(text, endpoint, version),
    });
    return items.map((item) =>
      leaveOutNewer(item, endpoint.fieldsSince ?? {}, version),
    );
  }

  /** The only item of the answer. */
  async one(request: string, body?: unknown, version?: Version): Promise<Item> {
    const [item, ...more] = await this.call(request, body, version);
    if (item === undefined || more.length > 0) {
      throw new Error(`not one item for ${request}`);
    }
    return item;
  }

  /** What the array says when it refuses: message and context. */
  async refusal(
    request: string,
    body?: unknown,
    version?: Version,
  ): Promise<string> {
    try {
      await this.call(request, body, version);
    } catch (error) {
      if (error instanceof ArrayRefusal) {
        return error.context === null
          ? error.message
          : `${error.message} [${error.context}]`;
      }
      throw error;
    }
    throw new Error(`not refused: ${request}`);
  }
}

/** A field of an item that has to be a text. */
export function textOf(item: Item, field: string): string {
  const value = item[field];
  if (typeof value !== "string") {
    throw new Error(`${field} is no text: ${JSON.stringify(value)}`);
  }
  return value;
}
