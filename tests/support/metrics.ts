/** Returns what a server shows at `/metrics`. */
const scrape = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** Returns the values of a metric by its labels as they are written; '' stands for none. */
export async function metricByLabels(url: string, name: string): Promise<Record<string, number>> {
  const lines = (await scrape(url)).matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))
  return Object.fromEntries([...lines].map(([, labels = '', value]) => [labels, Number(value)]))
}

/** Returns the value of a metric without labels; NaN if there is none. */
export const metric = async (url: string, name: string): Promise<number> =>
  (await metricByLabels(url, name))[''] ?? Number.NaN
