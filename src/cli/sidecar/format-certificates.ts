/** A sidecar's certificate, its chain and whom it trusts, for people. */
import type { X509Certificate } from "node:crypto";
import type { CertificatesPage } from "../../api/sidecar-pages.ts";
import { readCertificates } from "../check/certificates.ts";
import { formatAge, formatTable } from "../table.ts";

export function formatCertificates(page: CertificatesPage, now: number): string {
  const { certificate, trustBundle, renewals, failures } = page;
  const chain = readCertificates(certificate?.chain ?? "") ?? [];
  const anchors = readCertificates(trustBundle.pem) ?? [];
  const facts = [
    ["identity", certificate?.id ?? "none yet"],
    ["serial", certificate?.serial ?? "-"],
    ["renewals", `${renewals}, failed ${failures}`],
    ["bundle", trustBundle.hash],
  ];
  const head = ["CERTIFICATE", "SUBJECT", "FROM", "TO", "LEFT"];
  const rows = [
    ...chain.map((one, index) => formatRow(index === 0 ? "leaf" : "issuer", one, now)),
    ...anchors.map((one) => formatRow("root", one, now)),
  ];
  return `${formatTable(facts)}\n${formatTable([head, ...rows])}`;
}

function formatRow(role: string, certificate: X509Certificate, now: number): readonly string[] {
  const end = certificate.validToDate.getTime();
  return [
    role,
    certificate.subject?.replaceAll("\n", ", ") || "-",
    formatTime(certificate.validFromDate),
    formatTime(certificate.validToDate),
    end > now ? formatAge(end - now) : "ended",
  ];
}

function formatTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
