import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A certificate and its private key. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body])
  if (body.length < 256) return Buffer.concat([Buffer.from([tag, 0x81, body.length]), body])
  return Buffer.concat([Buffer.from([tag, 0x82, body.length >> 8, body.length & 255]), body])
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const time = (text: string): Buffer => der(0x18, Buffer.from(text))
const critical = hex('01 01 ff')

/** DER object identifiers: ecdsa-with-SHA256, commonName, subjectAltName, basicConstraints. */
const ecdsa = sequence(hex('06 08 2a 86 48 ce 3d 04 03 02'))
const commonName = hex('06 03 55 04 03')
const altName = hex('06 03 55 1d 11')
const constraints = hex('06 03 55 1d 13')

/** Returns a self-signed certificate for 127.0.0.1 that is valid until 2040. */
export function selfSigned(name = 'tony test'): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const called = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(name)))))
  const addresses = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from('localhost')))
  const body = sequence(
    der(0xa0, hex('02 01 02')),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsa,
    called,
    sequence(time('20250101000000Z'), time('20400101000000Z')),
    called,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        sequence(altName, der(0x04, addresses)),
        sequence(constraints, critical, der(0x04, sequence(hex('01 01 ff')))),
      ),
    ),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const base64 =
    sequence(body, ecdsa, signature)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
