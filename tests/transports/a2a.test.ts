import { expect, test } from 'vitest'
import { claimOne } from '../api/given.ts'
import { TestServer } from '../support/server.ts'
import { A2aCaller, userMessage } from './a2a-way.ts'

test('the agent card is public, names the address of its reader and no agent', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const reply = await fetch(`${server.url}/.well-known/agent-card.json`)
  const card = JSON.parse(await reply.text())
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(card).toMatchObject({
    supportedInterfaces: [{ url: `${server.url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: true, pushNotifications: false },
    securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: 'Bearer' } } },
  })
  expect(reply.headers.get('cache-control')).toBe('public, max-age=300')
  const known = { 'if-none-match': reply.headers.get('etag') ?? '' }
  expect((await fetch(`${server.url}/.well-known/agent-card.json`, { headers: known })).status).toBe(304)
  const posted = await fetch(`${server.url}/.well-known/agent-card.json`, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
})

test('a client that appends a slash to the address of the card is served too', async () => {
  await using server = await TestServer.start()
  const reply = await fetch(`${server.url}/a2a/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ListTasks', params: {} }),
  })
  expect(JSON.parse(await reply.text())).toMatchObject({ id: 1, result: { tasks: [] } })
})

test('a message starts one task, however often it is sent', async () => {
  await using server = await TestServer.start()
  const a2a = new A2aCaller(server.url)
  const send = () => a2a.send(userMessage('Add the login page'), { returnImmediately: true })
  const [first, second] = [await send(), await send()]
  expect(second).toEqual(first)
  expect(first).toMatchObject({ status: { state: 'TASK_STATE_SUBMITTED' } })
  const { tasks } = await server.connect().tasks.list({})
  expect(tasks).toMatchObject([{ id: first.id, title: 'Add the login page', type: 'a2a', story: first.contextId }])
  expect(
    await a2a.refused('SendMessage', { message: { ...userMessage('Other'), messageId: 'Add the login page' } }),
  ).toBe(-32_602)
})

test('a message waits for its task, whose result is an artifact', async () => {
  await using server = await TestServer.start()
  const [a2a, agent] = [new A2aCaller(server.url), await server.agent('ada')]
  const sent = a2a.send(userMessage('Add the login page'))
  const { tasks } = await agent.tasks.claim({ waitMs: 60_000 })
  const [{ id: taskId, leaseToken } = { id: '', leaseToken: '' }] = tasks
  await agent.tasks.complete({ taskId, leaseToken, result: { commit: '4f2c1ab' } })
  expect(await sent).toMatchObject({
    id: taskId,
    status: { state: 'TASK_STATE_COMPLETED' },
    artifacts: [{ artifactId: 'result', parts: [{ data: { commit: '4f2c1ab' } }] }],
    history: [{ role: 'ROLE_USER', messageId: 'Add the login page', parts: [{ text: 'Add the login page' }] }],
  })
})

test('a task for an offline agent is returned at once and waits in its queue', async () => {
  await using server = await TestServer.start()
  const [a2a, ada] = [new A2aCaller(server.url), await server.agent('ada')]
  ada.close()
  await server.advance(60_000)
  expect((await server.connect().agents.get({ agent: 'ada' })).status).toBe('offline')
  const { id } = await a2a.send(userMessage('Add the login page'), {}, { tenant: 'ada' })
  const other = await server.agent('bob')
  expect((await other.tasks.claim({})).tasks).toEqual([])
  const back = await server.agent('ada')
  expect(await claimOne(back)).toMatchObject({ id, description: 'Add the login page' })
})

test('a question is answered by a message to its task, and a message reaches the agent that works', async () => {
  await using server = await TestServer.start()
  const [a2a, ada] = [new A2aCaller(server.url), await server.agent('ada')]
  const { id } = await a2a.send(userMessage('Add the login page'), { returnImmediately: true })
  const { leaseToken } = await claimOne(ada)
  await a2a.send({ ...userMessage('In blue, please'), taskId: id }, { returnImmediately: true })
  expect((await ada.messages.receive({})).messages).toMatchObject([{ taskId: id, payload: 'In blue, please' }])
  await ada.tasks.requestInput({ taskId: id, leaseToken, question: 'Which layout?' })
  expect(await a2a.call('GetTask', { id })).toMatchObject({
    status: { state: 'TASK_STATE_INPUT_REQUIRED', message: { parts: [{ text: 'Which layout?' }] } },
  })
  await a2a.send({ ...userMessage('The second'), taskId: id }, { returnImmediately: true })
  expect(await claimOne(ada)).toMatchObject({ id, input: { answer: 'The second' } })
})

test('an answer reaches the question of its attempt alone, and a repeated one has no effect', async () => {
  await using server = await TestServer.start()
  const [a2a, ada] = [new A2aCaller(server.url), await server.agent('ada')]
  const { id: taskId } = await a2a.send(userMessage('Add the login page'), { returnImmediately: true })
  const ask = async (question: string) => {
    const { leaseToken, input } = await claimOne(ada)
    await ada.tasks.requestInput({ taskId, leaseToken, question })
    return input?.answer
  }
  const answerTo = (text: string, attempt?: number) => ({
    ...{ ...userMessage(text), taskId },
    ...(attempt !== undefined && { metadata: { attempt } }),
  })
  const send = (message: ReturnType<typeof answerTo>) => a2a.send(message, { returnImmediately: true })
  await ask('Which layout?')
  expect(await a2a.call('GetTask', { id: taskId })).toMatchObject({ status: { message: { metadata: { attempt: 1 } } } })
  await send(answerTo('The second', 1))
  expect(await ask('Which colour?')).toBe('The second')
  // Late for the first question, and again after its reply was lost.
  expect(await a2a.refused('SendMessage', { message: answerTo('The third', 1) })).toBe(-32_004)
  expect(await send(answerTo('The second', 1))).toMatchObject({ status: { state: 'TASK_STATE_INPUT_REQUIRED' } })
  expect(await a2a.refused('SendMessage', { message: { ...answerTo('Blue'), metadata: { attempt: 'two' } } })).toBe(
    -32_602,
  )
  // Without an attempt a message answers the open question, once.
  await send(answerTo('Blue'))
  expect(await ask('And the border?')).toBe('Blue')
  expect(await send(answerTo('Blue'))).toMatchObject({ status: { state: 'TASK_STATE_INPUT_REQUIRED' } })
  const other = { ...answerTo('Blue'), parts: [{ text: 'Red' }] }
  expect(await a2a.refused('SendMessage', { message: other })).toBe(-32_602)
  expect((await server.connect().tasks.get({ taskId })).status).toBe('input_required')
})

test('tasks are listed by page, state and context, and an unknown state is none', async () => {
  await using server = await TestServer.start()
  const a2a = new A2aCaller(server.url)
  for (const text of ['a', 'b', 'c'])
    await a2a.send({ ...userMessage(text), contextId: text === 'c' ? 'other' : 'pages' }, { returnImmediately: true })
  const all = await a2a.call('ListTasks', { status: 'UNRECOGNIZED' })
  expect(all).toMatchObject({ totalSize: 3, pageSize: 50, nextPageToken: '' })
  const first = await a2a.call('ListTasks', { contextId: 'pages', pageSize: 1, status: 'TASK_STATE_SUBMITTED' })
  expect(first).toMatchObject({ totalSize: 2, tasks: [{ contextId: 'pages' }] })
  const found = [...first.tasks]
  for (let { nextPageToken } = first; nextPageToken !== ''; ) {
    const page = await a2a.call('ListTasks', {
      contextId: 'pages',
      pageSize: 1,
      status: 'TASK_STATE_SUBMITTED',
      pageToken: nextPageToken,
    })
    found.push(...page.tasks)
    nextPageToken = page.nextPageToken
  }
  expect(new Set(found.map(({ id }: { id: string }) => id)).size).toBe(2)
  expect(await a2a.refused('ListTasks', { pageSize: 101 })).toBe(-32_602)
  expect(await a2a.refused('ListTasks', { pageToken: 'none' })).toBe(-32_602)
})

test('a task is cancelled once', async () => {
  await using server = await TestServer.start()
  const a2a = new A2aCaller(server.url)
  const { id } = await a2a.send(userMessage('a'), { returnImmediately: true })
  expect(await a2a.call('CancelTask', { id })).toMatchObject({ id, status: { state: 'TASK_STATE_CANCELED' } })
  expect(await a2a.refused('CancelTask', { id })).toBe(-32_002)
  expect(await a2a.refused('SendMessage', { message: { ...userMessage('b'), taskId: id } })).toBe(-32_004)
})

test('each refusal has the code of the protocol', async () => {
  await using server = await TestServer.start()
  const a2a = new A2aCaller(server.url)
  const absent = '01890000-0000-7000-8000-000000000000'
  expect(await a2a.refused('GetTask', { id: absent })).toBe(-32_001)
  expect(await a2a.refused('CancelTask', { id: absent })).toBe(-32_001)
  expect(await a2a.refused('SendMessage', { message: { ...userMessage('a'), taskId: absent } })).toBe(-32_001)
  expect(await a2a.refused('SendMessage', { message: { messageId: 'a', parts: [] } })).toBe(-32_602)
  expect(await a2a.refused('SendMessage', { message: { messageId: 'a', parts: [{ raw: 'AA==' }] } })).toBe(-32_005)
  expect(await a2a.refused('CreateTaskPushNotificationConfig', {})).toBe(-32_003)
  expect(await a2a.refused('GetExtendedAgentCard', {})).toBe(-32_007)
  expect(await a2a.refused('Nothing', {})).toBe(-32_601)
  expect(await a2a.refused('GetTask', { id: absent }, {})).toBe(-32_009)
  expect(await a2a.refused('GetTask', { id: absent }, { 'a2a-version': '0.3' })).toBe(-32_009)
  expect(await a2a.codeOf('{')).toBe(-32_700)
  expect(await a2a.codeOf('{"jsonrpc":"1.0"}')).toBe(-32_600)
})

test('a caller without a credential is refused with 401 and a challenge', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const reply = await new A2aCaller(server.url).post('GetTask', { id: 'x' })
  expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="tony-mcp"'])
})

test('a stream has the task, each of its states and its artifacts, and ends with the task', async () => {
  await using server = await TestServer.start()
  const [a2a, ada] = [new A2aCaller(server.url), await server.agent('ada')]
  const events = a2a.stream('SendStreamingMessage', { message: userMessage('Add the login page') })
  const first = await events.next()
  expect(first.value).toMatchObject({ task: { status: { state: 'TASK_STATE_SUBMITTED' } } })
  const { id: taskId, leaseToken } = await claimOne(ada)
  expect((await events.next()).value).toMatchObject({ statusUpdate: { status: { state: 'TASK_STATE_WORKING' } } })
  await ada.tasks.complete({ taskId, leaseToken, result: 'done' })
  const rest: unknown[] = []
  for await (const event of events) rest.push(event)
  expect(rest).toMatchObject([
    { artifactUpdate: { taskId, artifact: { parts: [{ text: 'done' }] }, lastChunk: true } },
    { statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } } },
  ])
  expect(await a2a.refused('SubscribeToTask', { id: taskId })).toBe(-32_004)
})

test('a subscription goes on through a question, and ends with the task', async () => {
  await using server = await TestServer.start()
  const [a2a, ada] = [new A2aCaller(server.url), await server.agent('ada')]
  const { id } = await a2a.send(userMessage('Add the login page'), { returnImmediately: true })
  const { leaseToken } = await claimOne(ada)
  await ada.tasks.requestInput({ taskId: id, leaseToken, question: 'Which layout?' })
  const events = a2a.stream('SubscribeToTask', { id })
  expect((await events.next()).value).toMatchObject({ task: { status: { state: 'TASK_STATE_INPUT_REQUIRED' } } })
  await a2a.send({ ...userMessage('The second'), taskId: id }, { returnImmediately: true })
  const again = await claimOne(ada)
  await ada.tasks.complete({ taskId: id, leaseToken: again.leaseToken, result: 'done' })
  const rest: unknown[] = []
  for await (const event of events) rest.push(event)
  expect(rest.at(-1)).toMatchObject({ statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } } })
})
