import ts from 'typescript'
import { overusedIn, proseTarget, ratesIn } from './prose.ts'
import { at, nodesOf, type Rule, type Source } from './source.ts'

interface TestName {
  readonly place: string
  readonly text: string
}

/** Returns `test` for `test.skipIf(…).each(…)`, the call that takes the name. */
function rootOf(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text
  return ts.isPropertyAccessExpression(node) || ts.isCallExpression(node) ? rootOf(node.expression) : ''
}

const isNamed = (node: ts.Node): node is ts.CallExpression =>
  ts.isCallExpression(node) && /^(?:test|it|describe)$/.test(rootOf(node.expression))

/** Returns the names of the tests and of their groups. Table rows of `each` are not included. */
const namesIn = (source: Source): TestName[] =>
  nodesOf(source, isNamed).flatMap(({ arguments: [name] }) => {
    if (!name || !(ts.isStringLiteralLike(name) || ts.isTemplateExpression(name))) return []
    return [{ place: at(source, name), text: name.getText(source.tree).slice(1, -1) }]
  })

/** Words that the glossary has replaced and that have no other meaning in the name of a test. */
const replacedWord =
  /\b(?:mail|mailbox(?:es)?|(?<!dead )letters?|signs? of life|vitals|census|surfaces?|seats?|beats?|obstacles?|key-chest|nobody)\b/i

/** Finds names of tests with a replaced word, and families that the names use too often. */
export const nameFaults: Rule = (sources) => {
  const names = sources.flatMap(namesIn)
  const replaced = names.flatMap(({ place, text }) => {
    const [word] = replacedWord.exec(text) ?? []
    return word === undefined ? [] : [`${place}: the name of a test has the replaced word ${word}`]
  })
  return [...replaced, ...overusedIn(ratesIn(names.map(({ text }) => text)), proseTarget)]
}
