/** The reason why no connection to a server was made. */
export interface ConnectFault {
  /** One clause, with the next step where one is known. */
  readonly cause: string
  /** True if the fault does not pass by itself. */
  readonly final: boolean
}

/** Faults that pass when the server starts or the network returns. */
const passingCauses: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused, is the server running?',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'the host is not reachable',
  ENETUNREACH: 'the network is not reachable',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
}

/** Faults of the address or of the server's settings. */
const finalCauses: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host is unknown',
  EPROTO: 'TLS failed, does the server speak http:// instead of https://?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS failed, does the server speak http:// instead of https://?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'TLS failed, does the server speak http:// instead of https://?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  HPE_INVALID_CONSTANT: 'the reply is no HTTP, does the server speak https://?',
}

/** Codes of a certificate whose issuer is unknown. */
const untrustedCertificatePattern =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY|GET)_.*)$/

/** Returns the fault for an error code of Node; undefined for an error of another kind. */
export function faultOfCode(code: string): ConnectFault | undefined {
  if (untrustedCertificatePattern.test(code))
    return { cause: `the certificate is not trusted (${code}), name its issuer in NODE_EXTRA_CA_CERTS`, final: true }
  const final = finalCauses[code]
  if (final !== undefined) return { cause: final, final: true }
  const passing = passingCauses[code]
  return passing === undefined ? undefined : { cause: passing, final: false }
}

/** True for the reply of a server that has no such path, or does something else there. */
const isOtherServer = (status: number): boolean => status < 400 || status === 404 || status === 405 || status === 426

/**
 * Returns the fault for the status of a reply that is not from a Tony MCP server. A proxy replies
 * with other statuses while the server restarts, or until it lets the caller pass.
 */
export const faultOfStatus = (status: number): ConnectFault =>
  !isOtherServer(status)
    ? { cause: `the reply has the status ${status}`, final: false }
    : { cause: `the reply has the status ${status} and is not from a Tony MCP server, is the URL right?`, final: true }
