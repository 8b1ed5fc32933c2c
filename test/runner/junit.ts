/** What became of one test. */
export interface TestOutcome {
  /** Titles from the outermost group inwards. */
  readonly title: string
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly seconds: number
}

/** What Bun calls a hook in its report. */
const HOOK = '(unnamed)'

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    return ENTITIES[name] ?? whole
  })
}

function attribute(tag: string, name: string): string {
  const match = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)
  return unescapeXml(match?.[1] ?? '')
}

/**
 * Reads the JUnit report that `bun test` writes: suites nested by `describe`, cases with `failure` or
 * `skipped` inside.
 */
export function readJunit(xml: string): TestOutcome[] {
  const outcomes: TestOutcome[] = []
  const groups: string[] = []
  let open: { tag: string; state: TestOutcome['state'] } | undefined

  const finish = (tag: string, state: TestOutcome['state']) => {
    // The outermost group is the file itself.
    const name = attribute(tag, 'name')
    // Hooks of a skipped group are listed like tests; those that fail stay.
    if (state === 'skipped' && name === HOOK) return
    const title = [...groups.slice(1), name].join(' > ')
    outcomes.push({ title, state, seconds: Number(attribute(tag, 'time')) })
  }
  // Texts and attributes hold no bare angle brackets: everything between two of them is one tag.
  for (const [tag] of xml.matchAll(/<[^>]*>/g)) {
    if (tag.startsWith('<testsuite ')) groups.push(attribute(tag, 'name'))
    else if (tag.startsWith('</testsuite>')) groups.pop()
    else if (tag.startsWith('<testcase ')) {
      if (tag.endsWith('/>')) finish(tag, 'passed')
      else open = { tag, state: 'passed' }
    } else if (tag.startsWith('</testcase>') && open !== undefined) {
      finish(open.tag, open.state)
      open = undefined
    } else if (open !== undefined && /^<(failure|error)\b/.test(tag)) open.state = 'failed'
    else if (open !== undefined && tag.startsWith('<skipped')) open.state = 'skipped'
  }
  return outcomes
}
