/**
 * A response with text that is made as it is read, so that a long one needs little memory.
 * @param parts its beginning must be there already: an answer that began could no longer say that the database is away
 */
export function streamed(
  parts: AsyncGenerator<string>,
  begun: string,
  headers: Record<string, string>,
): Response {
  const encoder = new TextEncoder();
  let first: string | undefined = begun;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (first !== undefined) {
        const text = first;
        first = undefined;
        return controller.enqueue(encoder.encode(text));
      }
      const { value, done } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => void parts.return(undefined),
  });
  return new Response(body, { headers });
}
