import { expect, test } from 'vitest'
import { trackerEffects } from '../cli/src/plan/effects.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { idsOf, planFile, refusal, rowOf } from './plan-file.ts'

const read = async (...lines: string[]) => readPlan(await planFile(lines.join('\n'), 'PLAN.md'), { replay: false })

test('items with a box are tasks, nested ones children, headings epics, and text below a description', async () => {
  const plan = await read(
    ...['# Shop', '', 'What we want.', '', '## Cart', ''],
    ...['- [ ] Add items', '  The price comes', '  from the list.', '', '  - detail of it'],
    ...['  - [x] Make the table', '  * [ ] Make the form', '    1. [ ] Label the fields'],
    ...[
      '- [X] Remove items',
      'as before',
      '',
      'An end.',
      '',
      'Pay',
      '---',
      '',
      '1. [ ] Take cards',
      '2) [ ] Send a bill',
    ],
  )
  expect(plan.format).toBe('markdown')
  expect(plan.tasks.map(({ title, epic, status, parentId }) => [title, epic, status, parentId])).toEqual([
    ['Add items', 'Cart', 'pending', undefined],
    ['Make the table', 'Cart', 'completed', 'cart/add-items'],
    ['Make the form', 'Cart', 'pending', 'cart/add-items'],
    ['Label the fields', 'Cart', 'pending', 'cart/add-items/make-the-form'],
    ['Remove items', 'Cart', 'completed', undefined],
    ['Take cards', 'Pay', 'pending', undefined],
    ['Send a bill', 'Pay', 'pending', undefined],
  ])
  expect(rowOf(plan, 'cart/add-items').description).toBe('The price comes\nfrom the list.\n\n- detail of it')
  expect(rowOf(plan, 'cart/remove-items').description).toBe('as before')
  expect(rowOf(plan, 'pay/take-cards')).not.toHaveProperty('description')
  expect(plan.report.warnings).toEqual([])
})

test('code, front matter and items without a box are no tasks', async () => {
  const plan = await read(
    ...['---', 'title: "- [ ] not this"', '---', '~~~', '- [ ] nor this', '```', '~~~', '- plain', '  - [ ] below it'],
    ...['- [link](x)', '- []', '- [ ]', '- [ ] with code', '  ```sh', '  - [ ] not this', '  ```', '\t- [ ] by a tab'],
  )
  expect(plan.tasks.map(({ externalId, parentId }) => [externalId, parentId])).toEqual([
    ['below-it', undefined],
    ['with-code', undefined],
    ['with-code/by-a-tab', 'with-code'],
  ])
  expect(rowOf(plan, 'with-code').description).toBe('```sh\n- [ ] not this\n```')
})

test('an id stays when the order changes, equal items are numbered, and an id can be given', async () => {
  const lines = ['- [ ] Build', '  - [ ] Test', '- [ ] Ship', '  - [ ] Test', '- [ ] Ship']
  expect(idsOf(await read(...lines))).toEqual(['build', 'build/test', 'ship', 'ship/test', 'ship-2'])
  expect(idsOf(await read(...lines.slice(2), ...lines.slice(0, 2)))).toEqual([
    ...['ship', 'ship/test', 'ship-2', 'build', 'build/test'],
  ])
  const named = await read('- [ ] Log in <!-- id: login -->', '  - [ ] Form ^form-1', '- [ ] Größe 測試')
  expect(named.tasks.map(({ externalId, title, parentId }) => [externalId, title, parentId])).toEqual([
    ['login', 'Log in', undefined],
    ['form-1', 'Form', 'login'],
    ['größe-測試', 'Größe 測試', undefined],
  ])
  const deep = Array.from({ length: 8 }, (_, depth) => `${'  '.repeat(depth)}- [ ] ${'long words '.repeat(9)}${depth}`)
  const ids = idsOf(await read(...deep))
  expect(new Set(ids).size).toBe(8)
  expect(ids.every((id) => id.length <= 200)).toBe(true)
})

test.each(Object.entries(trackerEffects.markdown.states))(
  'the box %s has the effect of the table',
  async (word, effect) => {
    const line = word === 'struck' ? '- [ ] ~~Do it~~' : `- ${word} Do it`
    const [task] = (await read(line)).tasks
    expect([task?.title, task?.status, task?.hold]).toEqual(['Do it', effect.status, effect.hold])
  },
)

test('an unknown box holds the task, with its line', async () => {
  const plan = await read('- [ ] a', '- [?] b')
  expect(rowOf(plan, 'b').hold).toBe('its source has the unknown state "[?]"')
  expect(plan.report.warnings).toEqual(['unknown box [?]: held until tasks.unhold (line 2)'])
})

test('a checklist with line ends of Windows is read, and prose is refused', async () => {
  expect(rowOf(await read('# A\r', '- [ ] b\r', '  text\r'), 'a/b')).toMatchObject({ title: 'b', description: 'text' })
  expect((await refusal('# Only prose\n\n- a list\n', { replay: false, format: 'markdown' })).message).toBe(
    'plan: has no list item with a box, such as "- [ ] Do it"',
  )
})
