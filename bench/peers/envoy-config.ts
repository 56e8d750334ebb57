/** Envoy's static configuration for one side of a pair. */
import type { Traffic } from "../peer.ts";
import type { Leaf } from "../site/certificates.ts";
import type { Site } from "../site/site.ts";
import { meshPort, outboundPort } from "./pair.ts";

export interface EnvoySide {
  readonly site: Site;
  readonly traffic: Traffic;
  readonly full: boolean;
}

export function outboundConfig(side: EnvoySide): unknown {
  const { site, traffic } = side;
  const tls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      ...typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
      common_tls_context: tlsContext(site, site.certificates.client, site.certificates.server),
    },
  };
  const next = cluster({ hosts: site.destinations, port: meshPort, http2: traffic !== "tcp" });
  return bootstrap(listener("127.0.0.1", outboundPort, filters(side, "outbound"), undefined), {
    ...next,
    transport_socket: tls,
  });
}

export function inboundConfig(side: EnvoySide): unknown {
  const { site, traffic } = side;
  const tls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      ...typed("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
      require_client_certificate: true,
      common_tls_context: tlsContext(site, site.certificates.server, site.certificates.client),
    },
  };
  const http2 = traffic === "http2" || traffic === "grpc";
  return bootstrap(
    listener("0.0.0.0", meshPort, filters(side, "inbound"), tls),
    cluster({ hosts: ["127.0.0.1"], port: site.backendPort, http2 }),
  );
}

function bootstrap(onlyListener: unknown, onlyCluster: unknown): unknown {
  return { static_resources: { listeners: [onlyListener], clusters: [onlyCluster] } };
}

function listener(host: string, port: number, chain: unknown[], tls: unknown): unknown {
  return {
    name: "listener",
    address: address(host, port),
    filter_chains: [{ filters: chain, ...(tls === undefined ? {} : { transport_socket: tls }) }],
  };
}

function filters(side: EnvoySide, direction: "outbound" | "inbound"): unknown[] {
  const { traffic, full } = side;
  const log = full ? { access_log: [accessLog(side, direction)] } : {};
  if (traffic === "tcp") {
    const config = {
      ...typed("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
      stat_prefix: direction,
      cluster: "next",
      ...log,
    };
    return [{ name: "envoy.filters.network.tcp_proxy", typed_config: config }];
  }
  const http1 = traffic === "http1" && direction === "outbound";
  const route = { match: { prefix: "/" }, route: { cluster: "next", timeout: "0s" } };
  const config = {
    ...typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: direction,
    codec_type: http1 ? "HTTP1" : "HTTP2",
    generate_request_id: full,
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
    http_filters: [...(full && direction === "inbound" ? [rbac(side)] : []), router],
    ...log,
  };
  return [{ name: "envoy.filters.network.http_connection_manager", typed_config: config }];
}

const router = {
  name: "envoy.filters.http.router",
  typed_config: typed("extensions.filters.http.router.v3.Router"),
};

function rbac(side: EnvoySide): unknown {
  const principal = { exact: side.site.certificates.client.spiffeId };
  const policy = {
    permissions: [{ any: true }],
    principals: [{ authenticated: { principal_name: principal } }],
  };
  return {
    name: "envoy.filters.http.rbac",
    typed_config: {
      ...typed("extensions.filters.http.rbac.v3.RBAC"),
      rules: { action: "ALLOW", policies: { client: policy } },
    },
  };
}

function accessLog(side: EnvoySide, direction: string): unknown {
  return {
    name: "envoy.access_loggers.file",
    typed_config: {
      ...typed("extensions.access_loggers.file.v3.FileAccessLog"),
      path: `${side.site.folder}/envoy-${direction}.log`,
    },
  };
}

function cluster(next: { hosts: readonly string[]; port: number; http2: boolean }): object {
  const many = 1_000_000;
  const thresholds = { max_connections: many, max_pending_requests: many, max_requests: many };
  const protocol = next.http2 ? { http2_protocol_options: {} } : { http_protocol_options: {} };
  const endpoints = next.hosts.map((host) => ({ endpoint: { address: address(host, next.port) } }));
  return {
    name: "next",
    type: "STATIC",
    connect_timeout: "5s",
    circuit_breakers: { thresholds: [thresholds] },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        ...typed("extensions.upstreams.http.v3.HttpProtocolOptions"),
        explicit_http_config: protocol,
      },
    },
    load_assignment: { cluster_name: "next", endpoints: [{ lb_endpoints: endpoints }] },
  };
}

function tlsContext(site: Site, own: Leaf, other: Leaf): unknown {
  const file = (filename: string) => ({ filename });
  return {
    tls_params: {
      tls_minimum_protocol_version: "TLSv1_3",
      tls_maximum_protocol_version: "TLSv1_3",
    },
    tls_certificates: [{ certificate_chain: file(own.certificate), private_key: file(own.key) }],
    validation_context: {
      trusted_ca: file(site.certificates.authority),
      match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: other.spiffeId } }],
    },
  };
}

function address(host: string, port: number): unknown {
  return { socket_address: { address: host, port_value: port } };
}

function typed(name: string): { "@type": string } {
  return { "@type": `type.googleapis.com/envoy.${name}` };
}
