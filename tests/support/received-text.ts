/** The text of a response as it arrives. */
export class ReceivedText {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #decoder = new TextDecoder()
  text = ''

  constructor(response: Response) {
    this.#reader = response.body?.getReader()
  }

  /** Reads until the text contains `word`. Throws if the response ends without it. */
  async until(word: string): Promise<void> {
    while (!this.text.includes(word)) {
      const { value, done } = (await this.#reader?.read()) ?? { done: true }
      if (done) throw new Error(`ended without ${word}: ${this.text}`)
      this.text += this.#decoder.decode(value, { stream: true })
    }
  }
}
