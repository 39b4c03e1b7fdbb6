import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
} from "@jest/globals";
import {
  type RestRig,
  type RigRequest,
  startRestRig,
} from "../helpers/rest-rig.ts";

let rig: RestRig;
beforeAll(async () => {
  rig = await startRestRig();
});
afterAll(async () => await rig[Symbol.asyncDispose]());
beforeEach(() => {
  rig.things.length = 0;
});

async function json(request: RigRequest): Promise<unknown> {
  const { status, text } = await rig.send(request);
  return { status, body: text === "" ? null : (JSON.parse(text) as unknown) };
}

async function refusal(request: RigRequest): Promise<string> {
  const { status, text } = await rig.send(request);
  const answer = JSON.parse(text) as {
    errors: [{ message: string; context: unknown }];
  };
  expect(status).toBe(400);
  expect(answer.errors[0]).toHaveProperty("context");
  return answer.errors[0].message;
}

describe("A query", () => {
  it.each([
    ["an unknown parameter", "nmaes=a"],
    ["a parameter without a value", "destroyed"],
    ["a repeated parameter", "names=a&names=b"],
    ["a boolean with a capital", "destroyed=True"],
    ["a boolean as a number", "destroyed=1"],
    ["an integer that is none", "block_size=1k"],
    ["an integer in another notation", "block_size=1e3"],
    ["an empty integer", "block_size="],
    ["a negative limit", "limit=-1"],
    ["a negative offset", "offset=-1"],
    ["names with ids", "names=a&ids=1"],
    ["names with ids of the same thing", "host_ids=1&host_names=a"],
    ["an empty list", "names="],
    ["an empty part of a list", "names=a,,b"],
    ["an empty last part of a list", "names=a%2C"],
    ["a wildcard in names", "names=a*"],
    ["a wildcard in names of another thing", "host_names=%2A"],
    ["an empty filter", "filter="],
    ["a broken filter", "filter=name%3D"],
    ["a broken percent-encoding", "filter=name%3D%27%2"],
    ["a made-up continuation token", "continuation_token=abc"],
  ])("is refused for %s", async (_, query) => {
    const path = `things?${query}`;
    rig.things.push({ name: "a" });
    await expect(refusal({ path })).resolves.not.toBe("");
  });

  it("is refused for a parameter that came later", async () => {
    const later = { path: "things?host_ids=1", version: "2.4" };
    await expect(refusal(later)).resolves.toMatch(
      /'host_ids' is not known in REST version 2\.4/u,
    );
    expect((await rig.send({ ...later, version: "2.16" })).status).toBe(200);
  });

  it("has parameters of lists with GET only", async () => {
    await expect(
      refusal({ path: "things?names=a&limit=1", method: "POST" }),
    ).resolves.toMatch(/'limit'/u);
  });

  it.each(["pod::vg/vol", "pod%3A%3Avg%2Fvol", "pod::vg%2Fvol"])(
    "takes names with their marks encoded or not: %s",
    async (name) => {
      rig.things.push({ name: "pod::vg/vol" }, { name: "other" });
      expect(await json({ path: `things?names=${name},other` })).toMatchObject({
        status: 200,
        body: { items: [{ name: "pod::vg/vol" }, { name: "other" }] },
      });
      expect(
        await json({ path: `things?names=${name}%2Cother` }),
      ).toMatchObject({
        body: { items: [{ name: "pod::vg/vol" }, { name: "other" }] },
      });
    },
  );

  it("takes spaces as forms write them", async () => {
    rig.things.push({ name: "a" }, { name: "b" });
    for (const space of ["+", "%20"]) {
      const filter = `name='a'+and+name`.replaceAll("+", space);
      expect(await json({ path: `things?filter=${filter}` })).toMatchObject({
        body: { items: [{ name: "a" }] },
      });
    }
  });

  it("is answered with the array's own refusals, which name the object", async () => {
    expect(await json({ path: "things?names=x" })).toEqual({
      status: 400,
      body: { errors: [{ message: "Thing does not exist.", context: "x" }] },
    });
  });
});

describe("A body", () => {
  const post = (body: string, version = "2.26"): RigRequest => ({
    path: "things?names=a",
    method: "POST",
    body,
    version,
  });

  it.each([
    ["an unknown field", '{"sise":1}', /Unknown field 'sise'/u],
    [
      "an unknown field further down",
      '{"chap":{"user":"x"}}',
      /Unknown field 'chap\.user'/u,
    ],
    [
      "an unknown field in a list",
      '{"tags":[{"key":"a"},{"kei":"b"}]}',
      /Unknown field 'tags\[1\]\.kei'/u,
    ],
    [
      "a field of every object",
      '{"__proto__":{},"constructor":1}',
      /Unknown field/u,
    ],
    ["a text for a number", '{"size":"1"}', /'size'.*integer/u],
    ["a broken number for a whole one", '{"size":1.5}', /'size'.*integer/u],
    ["a number for a text", '{"label":1}', /'label'.*string/u],
    ["a text for a boolean", '{"isOpen":"true"}', /'isOpen'.*boolean/u],
    ["an object for a list", '{"tags":{"key":"a"}}', /'tags'.*list/u],
    ["a list for an object", '{"chap":[]}', /'chap'.*object/u],
    ["a list", "[]", /body.*object/u],
    ["a text", '"a"', /body.*object/u],
    ["null", "null", /null/u],
    ["broken JSON", '{"size":', /no JSON/u],
  ])("is refused for %s", async (_, body, message) => {
    await expect(refusal(post(body))).resolves.toMatch(message);
    expect(rig.things).toEqual([]);
  });

  it("is refused for a field that came later", async () => {
    await expect(refusal(post('{"weight":1}', "2.16"))).resolves.toMatch(
      /'weight'.*2\.16/u,
    );
    expect((await rig.send(post('{"weight":1}'))).status).toBe(200);
  });

  it("is taken when all is well, and may be missing where it is optional", async () => {
    const good =
      '{"size":1,"ratio":1.5,"label":null,"free":{"a":[1]},"tags":[{"key":"k"}]}';
    expect(await json(post(good))).toEqual({
      status: 200,
      body: {
        items: [
          { name: "a", provisioned: 1, space: { unique: 1, total_used: 1 } },
        ],
      },
    });
    expect((await rig.send(post(""))).status).toBe(200);
  });

  it("is refused where none belongs, and one that is too long anywhere", async () => {
    await expect(refusal({ path: "things", body: "{}" })).resolves.toMatch(
      /no body/u,
    );
    await expect(
      refusal({ path: "things?names=a", method: "DELETE", body: "{}" }),
    ).resolves.toMatch(/no body/u);
    expect((await rig.send(post(`"${"x".repeat(1024 * 1024)}"`))).status).toBe(
      413,
    );
  });
});

describe("A list", () => {
  beforeEach(() => {
    for (const [index, name] of ["e", "d", "c", "b", "a"].entries()) {
      rig.things.push({
        name,
        nsid: index,
        space: { unique: index, total_used: index },
      });
    }
  });
  const listed = async (query: string, version = "2.26") =>
    (await json({ path: `things?${query}`, version })) as {
      body: {
        items: { name: string }[];
        continuation_token: string | null;
        total: unknown;
      };
    };
  const names = async (query: string) =>
    (await listed(query)).body.items.map(({ name }) => name);

  it("has the whole envelope, with nulls, and the page size without a limit", async () => {
    expect(await listed("")).toEqual({
      status: 200,
      body: {
        continuation_token: expect.stringMatching(/^[\w+/=]{8,}$/u),
        items: ["e", "d", "c"].map((name, index) => ({
          name,
          space: { unique: index, total_used: index },
        })),
        more_items_remaining: true,
        total_item_count: null,
        total: [{ name: null, space: { unique: 10, total_used: 10 } }],
      },
    });
  });

  it("goes on with the token, which is in a header too, for the same query only", async () => {
    const { headers, text } = await rig.send({
      path: "things?limit=2&total_item_count=true",
    });
    const { continuation_token: token, total_item_count: count } = JSON.parse(
      text,
    ) as Record<string, unknown>;
    expect(headers["x-next-token"]).toBe(token);
    expect(count).toBe(5);
    const next = `limit=2&total_item_count=true&continuation_token=${encodeURIComponent(String(token))}`;
    expect(await names(next)).toEqual(["c", "b"]);
    expect(await names(next)).toEqual(["c", "b"]);
    const other = {
      path: `things?limit=2&continuation_token=${String(token)}`,
    };
    await expect(refusal(other)).resolves.toMatch(/continuation token/u);
    await expect(
      refusal({ path: `things?${next}`, version: "2.16" }),
    ).resolves.toMatch(/continuation token/u);
    const last = await listed("offset=2&limit=100");
    expect(last.body).toMatchObject({
      more_items_remaining: false,
      continuation_token: null,
    });
  });

  it("is capped at the page size, sorted, cut and counted as asked", async () => {
    expect(await names("limit=1000")).toEqual(["e", "d", "c"]);
    expect(await names("sort=name&limit=2&offset=1")).toEqual(["b", "c"]);
    expect(await names("sort=space.unique-,name")).toEqual(["a", "b", "c"]);
    expect((await listed("sort=name")).body).toMatchObject({
      more_items_remaining: true,
      continuation_token: null,
    });
    expect((await listed("limit=0&filter=name>'b'")).body).toMatchObject({
      items: [],
      total_item_count: 3,
      more_items_remaining: false,
    });
    expect((await listed("total_only=true&filter=name='a'")).body).toEqual({
      continuation_token: null,
      items: [],
      more_items_remaining: false,
      total_item_count: null,
      total: [{ name: null, space: { unique: 4, total_used: 4 } }],
    });
  });

  it("leaves out what came later, and knows no filter or sort by it", async () => {
    const [first] = (await listed("limit=1", "2.16")).body.items;
    expect(first).toEqual({ name: "e", space: { unique: 0 } });
    for (const query of [
      "filter=space.total_used=1",
      "sort=space.total_used",
      "filter=nsid",
    ]) {
      await expect(
        refusal({ path: `things?${query}`, version: "2.16" }),
      ).resolves.toMatch(/no field/u);
    }
    expect(await names("filter=space.total_used=1")).toEqual(["d"]);
  });

  it("knows the fields of items it has seen when it is empty", async () => {
    await listed("");
    rig.things.length = 0;
    await expect(refusal({ path: "things?filter=nmae='a'" })).resolves.toMatch(
      /no field nmae/u,
    );
    expect(await names("filter=name='a'")).toEqual([]);
  });
});
