import { useSignal } from "@preact/signals";
import { api, ask } from "../data/api.ts";
import { wordsOf } from "../parts/act.tsx";
import { Copy } from "../parts/copy.tsx";
import { text } from "../text/text.ts";

const words = text.yours;

/** The files for `ssh -F`, loaded when they are opened. @param of which machines, for a screen reader */
export function Config({ id, of }: { id: string; of: string }) {
  const files = useSignal<[string, string] | undefined>(undefined);
  const wrong = useSignal("");
  const open = async (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open) return;
    try {
      const its = api.reservations({ id });
      const [config, hosts] = await Promise.all([
        ask(its.ssh_config.get({ query: {} })),
        ask(its.known_hosts.get()),
      ]);
      [files.value, wrong.value] = [[config, hosts], ""];
    } catch (error) {
      wrong.value = wordsOf(error);
    }
  };
  return (
    <details onToggle={open}>
      <summary>{words.showConfig}</summary>
      {wrong.value && <p class="wrong">{wrong.value}</p>}
      {files.value && (
        <>
          <p class="hint">
            {words.configHow} <code>ssh -F ssh_config node1</code>
          </p>
          <Copy name={`${words.config}: ${of}`}>{files.value[0].trimEnd()}</Copy>
          <Copy name={`${words.knownHosts}: ${of}`}>{files.value[1].trimEnd()}</Copy>
        </>
      )}
    </details>
  );
}
