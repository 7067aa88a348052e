import { t } from "elysia";

export const slot = t.String({
  examples: ["node1"],
  description: "node1, node2, …: stays when another machine takes its place",
});
export const Place = t.Object(
  { machine: t.String(), host: t.String(), port: t.Integer(), slot },
  { $id: "Place", description: "a machine to log in to" },
);
