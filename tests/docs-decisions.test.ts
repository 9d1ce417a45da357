import { describe, expect, test } from 'vitest'
import { onPages, pages, textOf } from './support/pages.ts'

const index = textOf('docs/decisions/README.md')
const decisions = pages.flatMap((page) => {
  const [, file = '', number = ''] = /^docs\/decisions\/((\d{4})-[\w-]+\.md)$/.exec(page) ?? []
  return number === '' ? [] : [{ page, file, number }]
})

/** Returns the links whose text is the number of a decision: `[0012](…)` or `[ADR 0012](…)`. */
const numberedLinks = (text: string) =>
  [...text.matchAll(/\[(?:ADR )?(\d{4})\]\(([^)\s]+)\)/g)].map(([all, number = '', target = '']) => ({
    all,
    number,
    file: target.split('/').at(-1) ?? '',
  }))

describe('a decision', () => {
  test('has a number of its own and a title that begins with it', () => {
    expect(decisions.length).toBeGreaterThan(30)
    expect(new Set(decisions.map(({ number }) => number)).size).toBe(decisions.length)
    const untitled = decisions.filter(({ page, number }) => !textOf(page).startsWith(`# ADR ${number}: `))
    expect(untitled).toEqual([])
  })

  test('is in the index under its number and its title', () => {
    const listed = [...index.matchAll(/^\| \[(\d{4})\]\(([\w.-]+)\) \| ([^|]+) \| [^|]+ \|$/gm)]
    const rows = listed.map(([, number, file, title]) => ({ number, file, title }))
    const expected = decisions.map(({ page, number, file }) => {
      const [heading = ''] = textOf(page).split('\n')
      return { number, file, title: heading.replace(`# ADR ${number}: `, '') }
    })
    expect(rows).toEqual(expected)
  })

  test('that is absent has its number in the sentence about unused numbers', () => {
    const [, unused = ''] = /missing \(([\d,\s]+)\)/.exec(index) ?? []
    const used = decisions.map(({ number }) => Number(number))
    const gaps = Array.from({ length: Math.max(...used) }, (_, at) => at + 1).filter((number) => !used.includes(number))
    expect(unused.split(/,\s*/).map(Number)).toEqual(gaps)
  })

  test('is the page that a link with its number leads to', () => {
    const links = pages.flatMap((page) => numberedLinks(textOf(page)))
    expect(links.length).toBeGreaterThan(60)
    const wrong = onPages((text) =>
      numberedLinks(text).flatMap(({ all, number, file }) => (file.startsWith(`${number}-`) ? [] : [all])),
    )
    expect(wrong).toEqual([])
  })
})
