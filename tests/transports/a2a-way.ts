interface Part {
  readonly text?: string
  readonly data?: unknown
  readonly raw?: string
}

export interface UserMessage {
  readonly messageId: string
  readonly role?: string
  readonly parts: readonly Part[]
  readonly contextId?: string
  readonly taskId?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** Returns a message with a text, which is its id too. */
export const userMessage = (text: string): UserMessage => ({ messageId: text, role: 'ROLE_USER', parts: [{ text }] })

/** The current version of the protocol. */
const version = { 'a2a-version': '1.0' }

/** A caller of A2A over JSON-RPC. */
export class A2aCaller {
  readonly #url: string
  readonly #token: string | undefined
  #id = 0

  constructor(url: string, token?: string) {
    this.#url = url
    this.#token = token
  }

  send(
    message: UserMessage,
    configuration: Readonly<Record<string, unknown>> = {},
    more: Readonly<Record<string, unknown>> = {},
  ) {
    return this.call('SendMessage', { message, configuration, ...more }).then(({ task }) => task)
  }

  post(method: string, params: unknown, headers: Readonly<Record<string, string>> = version): Promise<Response> {
    this.#id += 1
    return this.#postText(JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params }), headers)
  }

  /** Makes a call and returns its result. Throws for an error. */
  async call(method: string, params: unknown) {
    const { result, error } = JSON.parse(await (await this.post(method, params)).text())
    if (error) throw new Error(`${error.code}: ${error.message}`)
    return result
  }

  /** Returns the code of a refused call. */
  async refused(method: string, params: unknown, headers?: Readonly<Record<string, string>>): Promise<unknown> {
    return JSON.parse(await (await this.post(method, params, headers)).text()).error?.code
  }

  /** Returns the code of the refusal of a body. */
  async codeOf(body: string): Promise<unknown> {
    return JSON.parse(await (await this.#postText(body, version)).text()).error?.code
  }

  /** Yields the events of a stream until its end. */
  async *stream(method: string, params: unknown): AsyncGenerator<unknown> {
    const { body } = await this.post(method, params)
    let text = ''
    for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) yield JSON.parse(event.replace(/^data: /, '')).result
    }
  }

  #postText(body: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const credential = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }
    return fetch(`${this.#url}/a2a`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...credential, ...headers },
      body,
    })
  }
}
