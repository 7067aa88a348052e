import { STATUS_CODES } from "node:http";
import { isOpen } from "../auth/open.ts";
import { STATUS_OF } from "../codes.ts";
import { Problem, ProblemDetails } from "../models/problem.ts";
import { isNode, mapValues, type Node, schemaOf } from "./schema.ts";

/** Errors that any request can get, and those of routes that need a principal. */
const EVERYWHERE = { 400: {} };
/** Errors of every request that may come with a body, even where none is needed (http/body.ts). */
const WITH_A_BODY = { 413: {}, 415: {} };
const WITH_A_PRINCIPAL = { 401: {}, 403: {}, 429: {} };

/** 404 → NotFound */
const nameOf = (status: string) => (STATUS_CODES[status] ?? "Error").replace(/\W/g, "");

/** An error response, with the codes that it can have. @param named receives its schemas */
function errorOf(status: string, named: Node): Node {
  const title = STATUS_CODES[status];
  const all = Object.entries(STATUS_OF).filter(([, one]) => one === Number(status));
  const codes = all.map(([code]) => code).sort();
  const example = { error: "…", code: codes[0] };
  const details = { type: "about:blank", title, status: Number(status), detail: "…", code: codes[0] };
  return {
    description: `${title}: ${codes.join(", ")}`,
    content: {
      "application/json": { schema: schemaOf(Problem, named), example },
      "application/problem+json": { schema: schemaOf(ProblemDetails, named), example: details },
    },
  };
}

/** Every error response that an operation refers to. @param named receives their schemas */
function errorsOf(paths: Node, named: Node): Node {
  const operations = Object.values(paths).flatMap((path) => Object.values(path as Node)) as {
    responses: Node;
  }[];
  const all = new Set(operations.flatMap(({ responses }) => Object.keys(responses)));
  const errors = [...all].filter((status) => Number(status) >= 400).sort();
  return Object.fromEntries(errors.map((status) => [nameOf(status), errorOf(status, named)]));
}

/** Makes an operation from the plugin valid. @param named receives the schemas that have a name */
function operationOf(method: string, operation: Node, open: boolean, named: Node): Node {
  const { parameters, requestBody, responses, ...rest } = operation;
  /** Of the three content types listed by the plugin, we only use JSON, and for a string what it says, or plain text. */
  const contentOf = ({ content, $id }: Node) => {
    const { schema } = (content as Record<string, Node>)["application/json"] ?? {};
    // The plugin takes a response's schema apart and leaves its name outside.
    const whole = $id === undefined ? schema : { ...(schema as Node), $id };
    const { contentMediaType = "text/plain", ...text } = schema as Node;
    if (text.type === "string") return { [String(contentMediaType)]: { schema: schemaOf(text, named) } };
    return { "application/json": { schema: schemaOf(whole, named) } };
  };
  const all = {
    ...EVERYWHERE,
    ...(method === "get" ? {} : WITH_A_BODY),
    ...(open ? {} : WITH_A_PRINCIPAL),
    ...(responses as Node),
  };
  return {
    ...rest,
    ...(open ? { security: [] } : {}),
    ...(Array.isArray(parameters)
      ? { parameters: parameters.map((one: Node) => ({ ...one, schema: schemaOf(one.schema, named) })) }
      : {}),
    ...(isNode(requestBody) ? { requestBody: { ...requestBody, content: contentOf(requestBody) } } : {}),
    responses: mapValues(all, (response: Node, status) =>
      Number(status) < 400
        ? { description: STATUS_CODES[status], content: contentOf(response) }
        : { $ref: `#/components/responses/${nameOf(status)}` },
    ),
  };
}

const OPEN =
  "**This API is open**: `ADMIN_TOKEN` is not set, so everybody on this machine may do everything. `just token` creates one.";

/** The introduction at the top of the page. */
function introduction(info: Node, isOpenApi: boolean): Node {
  return !isOpenApi ? info : { ...info, description: `${info.description}\n\n${OPEN}` };
}

/**
 * Turns the plugin's output into a valid OpenAPI 3.0.3 document.
 * @param isOpenApi whether no token is needed
 */
export function validOpenApi(document: Node, isOpenApi: boolean): Node {
  const named: Node = {};
  const paths = mapValues(document.paths as Node, (operations: Node, path) =>
    mapValues(operations, (operation: Node, method) =>
      operationOf(
        method,
        operation,
        isOpen({ method: method.toUpperCase(), url: `http://localhost${path}` }),
        named,
      ),
    ),
  );
  const responses = errorsOf(paths, named);
  const schemas = Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...document,
    info: introduction(document.info as Node, isOpenApi),
    components: { ...(document.components as Node), responses, schemas },
    paths,
  };
}
