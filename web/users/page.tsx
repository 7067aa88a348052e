import { text } from "../text/text.ts";

export default function Page() {
  return <h1>{text.pages.users}</h1>;
}
