import { STATUS_CODES } from "node:http";
import { isOpen } from "../auth/open.ts";
import { Problem } from "../models/problem.ts";

type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const mapValues = (node: Node, change: (value: never, key: string) => unknown): Node =>
  Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value as never, key)]));

/** What Elysia adds to a number or boolean, so that text is taken for one; nobody needs to read it. */
const isCoercion = (node: Node) =>
  node.type === "string" && ["integer", "numeric", "boolean"].includes(String(node.format));

/** A TypeBox schema in the words of OpenAPI 3.0, which knows no `const`, `examples`, `patternProperties` or type null. */
function schemaOf(node: unknown): unknown {
  if (!isNode(node)) return node;
  const { $id: _, const: only, examples, patternProperties, properties, items, anyOf, ...rest } = node;
  const said: Node = { ...rest };
  if (only !== undefined) said.enum = [only];
  if (Array.isArray(examples)) said.example = examples[0];
  if (isNode(patternProperties)) said.additionalProperties = schemaOf(Object.values(patternProperties)[0]);
  if (isNode(properties)) said.properties = mapValues(properties, schemaOf);
  if (items !== undefined) said.items = schemaOf(items);
  if (!Array.isArray(anyOf)) return said;
  const kept = anyOf.filter((one: Node) => one.type !== "null" && !isCoercion(one)).map(schemaOf);
  if (anyOf.some((one: Node) => one.type === "null")) said.nullable = true;
  return kept.length === 1 ? { ...said, ...(kept[0] as Node) } : { ...said, anyOf: kept };
}

const jsonOnly = (schema: unknown) => ({ "application/json": { schema } });

/** Of the three content types that the plugin lists, JSON is the one that we take and give. */
const contentOf = (content: unknown) =>
  isNode(content) && isNode(content["application/json"])
    ? { content: jsonOnly(schemaOf(content["application/json"].schema)) }
    : {};

function responsesOf(responses: Node, open: boolean): Node {
  const error = (response: Node) => ({
    ...response,
    content: jsonOnly({ $ref: "#/components/schemas/Problem" }),
  });
  const told = open ? responses : { ...responses, 401: {}, 403: {}, 429: {} };
  return mapValues(told, (response: Node, status) => {
    const description = STATUS_CODES[status] ?? "An answer";
    return Number(status) < 400
      ? { ...response, description: response.description ?? description, ...contentOf(response.content) }
      : error({ description });
  });
}

function operationOf(operation: Node, open: boolean): Node {
  const { parameters, requestBody, responses, ...rest } = operation;
  return {
    ...rest,
    ...(open ? { security: [] } : {}),
    ...(Array.isArray(parameters)
      ? { parameters: parameters.map((one: Node) => ({ ...one, schema: schemaOf(one.schema) })) }
      : {}),
    ...(isNode(requestBody) ? { requestBody: { ...requestBody, ...contentOf(requestBody.content) } } : {}),
    responses: responsesOf(responses as Node, open),
  };
}

const OPEN =
  "**This API is open**: no `ADMIN_TOKEN` is set, so everybody on this machine may do everything. `just token` makes one.";

/** What the page says at its top. */
function introduction(info: Node, isOpenApi: boolean): Node {
  return !isOpenApi ? info : { ...info, description: `${info.description}\n\n${OPEN}` };
}

/**
 * Makes of what the plugin wrote a valid OpenAPI 3.0.3 document.
 * @param isOpenApi no token is asked for
 */
export function validOpenApi(document: Node, isOpenApi: boolean): Node {
  return {
    ...document,
    info: introduction(document.info as Node, isOpenApi),
    components: { ...(document.components as Node), schemas: { Problem: schemaOf(Problem) } },
    paths: mapValues(document.paths as Node, (operations: Node, path) =>
      mapValues(operations, (operation: Node, method) =>
        operationOf(operation, isOpen({ method: method.toUpperCase(), url: `http://localhost${path}` })),
      ),
    ),
  };
}
