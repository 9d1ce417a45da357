import ts from 'typescript'
import type { Rule, Source } from './source.ts'

/**
 * The maximal width of a line of a comment or a doc, in columns: indentation and comment marks
 * count.
 */
export const proseWidth = 100

/** One comment: a block or a run of `//` lines. `text` has no comment marks and no line ends. */
export interface Comment {
  /** The number of its first line, from 1. */
  readonly line: number
  readonly text: string
}

const isJSDoc = ({ kind }: ts.Node): boolean =>
  kind >= ts.SyntaxKind.FirstJSDocNode && kind <= ts.SyntaxKind.LastJSDocNode

/** A search for comment marks would also find them inside strings, so the tokens decide. */
function rangesOf({ text, tree }: Source): ts.CommentRange[] {
  const found = new Map<number, ts.CommentRange>()
  const collect = (ranges: readonly ts.CommentRange[] | undefined) => {
    for (const range of ranges ?? []) found.set(range.pos, range)
  }
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(tree).filter((child) => !isJSDoc(child))
    if (children.length === 0) {
      collect(ts.getLeadingCommentRanges(text, node.pos))
      collect(ts.getTrailingCommentRanges(text, node.end))
    }
    children.forEach(visit)
  }
  visit(tree)
  return [...found.values()].toSorted((a, b) => a.pos - b.pos)
}

const withoutMarks = (comment: string): string =>
  comment
    .replace(/^\/\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*(\/\/+|\*)?\s?/, ''))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim()

export function commentsOf(source: Source): Comment[] {
  const { text, tree } = source
  const found: Comment[] = []
  let end: number | undefined
  for (const range of rangesOf(source)) {
    const prose = withoutMarks(text.slice(range.pos, range.end))
    const isLine = range.kind === ts.SyntaxKind.SingleLineCommentTrivia
    const before = found.at(-1)
    if (isLine && before && end !== undefined && /^\n[ \t]*$/.test(text.slice(end, range.pos)))
      found[found.length - 1] = { line: before.line, text: `${before.text} ${prose}` }
    else found.push({ line: tree.getLineAndCharacterOfPosition(range.pos).line + 1, text: prose })
    end = isLine ? range.end : undefined
  }
  return found
}

/** Returns the text with a space for each character of a comment. */
function withoutComments(source: Source): string {
  let { text } = source
  for (const { pos, end } of rangesOf(source))
    text = text.slice(0, pos) + text.slice(pos, end).replaceAll(/[^\n]/g, ' ') + text.slice(end)
  return text
}

export interface LineKinds {
  /** Lines with code, with or without a comment beside it. */
  readonly code: number
  /** Lines that have only a comment, by number and width. */
  readonly comments: readonly { readonly line: number; readonly width: number }[]
}

/** Counts the code lines of a file and finds its comment lines. Blank lines are neither. */
export function lineKindsOf(source: Source): LineKinds {
  const bare = withoutComments(source).split('\n')
  const lines = source.text.split('\n').map((text, index) => ({
    line: index + 1,
    width: text.length,
    isCode: bare[index]?.trim() !== '',
    isBlank: text.trim() === '',
  }))
  return {
    code: lines.filter(({ isCode }) => isCode).length,
    comments: lines.filter(({ isCode, isBlank }) => !isCode && !isBlank).map(({ line, width }) => ({ line, width })),
  }
}

/** Finds comment lines that are too wide. */
export const wideComments: Rule = (sources) =>
  sources.flatMap((source) =>
    lineKindsOf(source)
      .comments.filter(({ width }) => width > proseWidth)
      .map(({ line, width }) => `${source.path}:${line}: a comment line of ${width} columns`),
  )

/** Returns Markdown without its code blocks. The lines keep their numbers. */
export const withoutBlocks = (markdown: string): string =>
  markdown.replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ''))

/**
 * Finds lines of a page that are too wide. Code blocks, table rows and single long words do not
 * wrap.
 */
export const wideDocLines = (path: string, markdown: string): string[] =>
  withoutBlocks(markdown)
    .split('\n')
    .flatMap((text, index) =>
      text.length > proseWidth && !text.startsWith('|') && /\S\s+\S/.test(text.trim().replace(/^([-*]|\d+\.)\s+/, ''))
        ? [`${path}:${index + 1}: a line of ${text.length} columns`]
        : [],
    )

/** Returns the words of a page without code and quotes. Quotes are names of tests. */
export const ownWordsOf = (markdown: string): string =>
  withoutBlocks(markdown).replaceAll(/`[^`\n]*`|"(?:(?!\n\n)[^"])*"/g, ' ')

export type Family = 'whoever' | 'oneThat' | 'whatIs' | 'soMany' | 'forEver' | 'isSaid'

interface FamilyPattern {
  readonly family: Family
  /** The heading of the family in tables. */
  readonly label: string
  readonly pattern: RegExp
}

/**
 * Six families of expressions that leave out the noun or the subject. Ordinary English uses each of
 * them now and then, so the gate limits how often they occur.
 */
const patterns: readonly FamilyPattern[] = [
  {
    family: 'whoever',
    label: 'whoever, whatever, whom',
    pattern: /\b(?:who|what|which)ever\b|\bwhom(?:ever)?\b/gi,
  },
  { family: 'oneThat', label: 'one(s) that/who', pattern: /\bones? (?:that|who|whose|which|whom)\b/gi },
  {
    family: 'whatIs',
    label: 'those that; what is/was/it…',
    pattern:
      /\bthose (?:that|who|whose|which)\b|\bwhat (?:is|are|was|were|has|have|can|may|it|its|they|an?|the|this|that|to)\b/gi,
  },
  { family: 'soMany', label: 'so many/much/long', pattern: /\bso (?:many|much|long)\b/gi },
  {
    family: 'forEver',
    label: 'for ever, anew, meanwhile, by itself',
    pattern: /\b(?:for ever|anew|meanwhile|(?:by|of) (?:itself|themselves))\b/gi,
  },
  {
    family: 'isSaid',
    label: 'is said/told/asked/heard',
    pattern: /\b(?:is|are|was|were|be|been|being) (?:said|told|asked|heard)\b/gi,
  },
]

/** A comment that opens with a question word has a clause where its subject belongs. */
const questionWord = /^(?:what|whether|how|when|where|which|who)/i

export interface FamilyRate {
  readonly family: Family
  readonly label: string
  /** Uses per 1,000 words. */
  readonly rate: number
}

export interface ProseRates {
  readonly texts: number
  readonly words: number
  /** Texts that open with a question word, in per cent. */
  readonly openings: number
  readonly families: readonly FamilyRate[]
}

const rounded = (value: number): number => Math.round(value * 100) / 100

const wordCount = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length

/** Counts the uses of the families in texts. Each text is a comment or a page. */
export function ratesIn(texts: readonly string[]): ProseRates {
  const words = texts.reduce((sum, text) => sum + wordCount(text), 0)
  const uses = (pattern: RegExp) => texts.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0)
  const openings = texts.filter((text) => questionWord.test(text)).length
  return {
    texts: texts.length,
    words,
    openings: rounded((openings / Math.max(1, texts.length)) * 100),
    families: patterns.map(({ family, label, pattern }) => ({
      family,
      label,
      rate: rounded((uses(pattern) / Math.max(1, words)) * 1_000),
    })),
  }
}

/** Returns the rates of the families in the comments of some files. */
export const families = (sources: readonly Source[]): ProseRates =>
  ratesIn(sources.flatMap(commentsOf).map(({ text }) => text))

export interface ProseCeilings {
  /** Per cent of the comments. */
  readonly openings: number
  /** Uses per 1,000 words. */
  readonly families: Readonly<Record<Family, number>>
}

/** The ceilings of the gates. */
export const proseTarget: ProseCeilings = {
  openings: 3,
  families: { whoever: 0.3, oneThat: 0.3, whatIs: 0.3, soMany: 0.3, forEver: 0.3, isSaid: 0.3 },
}

/** Returns the rates above their ceilings. */
export function overusedIn({ openings, families }: ProseRates, ceilings: ProseCeilings): string[] {
  const found = families
    .filter(({ family, rate }) => rate > ceilings.families[family])
    .map(({ family, label, rate }) => `${label}: ${rate} per 1,000 words, at most ${ceilings.families[family]}`)
  return openings > ceilings.openings
    ? [`opens with a question word: ${openings} % of the comments, at most ${ceilings.openings} %`, ...found]
    : found
}

/** Finds families that the comments of some files use too often, all files together. */
export const overusedFamilies =
  (ceilings: ProseCeilings): Rule =>
  (sources) =>
    overusedIn(families(sources), ceilings)

/** Finds families that some pages use too often, all pages together. */
export const overusedOnPages =
  (ceilings: ProseCeilings) =>
  (pages: readonly { readonly text: string }[]): string[] =>
    overusedIn(ratesIn(pages.map(({ text }) => ownWordsOf(text))), ceilings)

/** Finds all faults of the comments of some files: wide lines and overused families. */
export const commentFaults: Rule = (sources) => [...wideComments(sources), ...overusedFamilies(proseTarget)(sources)]
