export type Node = Record<string, unknown>;

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const mapValues = (node: Node, change: (value: never, key: string) => unknown): Node =>
  Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value as never, key)]));

/** What Elysia adds to numbers and booleans so that text is accepted for them; of no interest to readers. */
const isCoercion = (node: Node) =>
  node.type === "string" && ["integer", "numeric", "boolean"].includes(String(node.format));

/** An enum, which TypeBox writes as a choice of constants. */
function choiceOf(kept: Node[]): Node {
  if (kept.length === 1) return kept[0] as Node;
  const words = kept.flatMap(({ enum: one }) => (Array.isArray(one) ? one : []));
  return words.length === kept.length ? { type: typeof words[0], enum: words } : { anyOf: kept };
}

/**
 * A TypeBox schema in terms of OpenAPI 3.0, which has no `const`, `examples`, `patternProperties` or type null.
 * @param named receives each schema that has a name (`$id`), which is replaced by a reference
 */
export function schemaOf(node: unknown, named: Node): unknown {
  if (!isNode(node)) return node;
  const { $id, const: only, examples, patternProperties, properties, items, anyOf, ...rest } = node;
  if (typeof $id === "string") {
    named[$id] ??= schemaOf({ ...node, $id: undefined }, named);
    return { $ref: `#/components/schemas/${$id}` };
  }
  const inner = (one: unknown) => schemaOf(one, named);
  const said: Node = { ...rest };
  if (only !== undefined) said.enum = [only];
  if (Array.isArray(examples)) said.example = examples[0];
  if (isNode(patternProperties)) said.additionalProperties = inner(Object.values(patternProperties)[0]);
  if (isNode(properties)) said.properties = mapValues(properties, inner);
  if (items !== undefined) said.items = inner(items);
  if (!Array.isArray(anyOf)) return said;
  if (anyOf.some((one: Node) => one.type === "null")) said.nullable = true;
  const kept = anyOf.filter((one: Node) => one.type !== "null" && !isCoercion(one)).map(inner);
  return { ...said, ...choiceOf(kept as Node[]) };
}
