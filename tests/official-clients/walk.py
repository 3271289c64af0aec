"""Walks everything that the simulator answers with the official Python client, as it is published, and prints what it
counted as one line of JSON. Whatever would leave this machine is refused and named."""

import http.client
import json
import os
import socket
import sys

OUTSIDE = []
REQUESTS = []


def guard():
    """Lets only loopback addresses be looked up and connected to, and keeps every request."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect
    put_request = http.client.HTTPConnection.putrequest

    def kept_request(self, method, url, *rest, **options):
        REQUESTS.append(f"{method} {url}")
        return put_request(self, method, url, *rest, **options)

    def guarded_look_up(host, *rest, **options):
        if host not in ("127.0.0.1", "localhost", "::1"):
            OUTSIDE.append(str(host))
            raise OSError(f"{host} is not on this machine")
        return look_up(host, *rest, **options)

    def guarded_connect(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            OUTSIDE.append(str(address[0]))
            raise OSError(f"{address[0]} is not on this machine")
        return connect(self, address)

    socket.getaddrinfo, socket.socket.connect = guarded_look_up, guarded_connect
    http.client.HTTPConnection.putrequest = kept_request


guard()

from azure.devops.connection import Connection  # noqa: E402
from azure.devops.v7_1.pipelines_checks.models import Resource  # noqa: E402
from msrest.authentication import BasicAuthentication  # noqa: E402

PAGE = 3
# More than there is: the client drops the token of the next page, so that there must be none.
ALL = 1000


def project_pages(core):
    """Pages by $top and $skip, then by the number of projects that were fetched: both must tell the same."""
    skipped, fetched = [], []
    while page := core.get_projects(top=PAGE, skip=len(skipped)):
        skipped += page
    while page := core.get_projects(top=PAGE, continuation_token=len(fetched)):
        fetched += page
    assert [one.id for one in skipped] == [one.id for one in fetched], "skip and continuation token differ"
    return fetched


def graph_pages(list_page, key):
    """Pages by the token that stands in the header: the one client class that keeps it."""
    items, page = [], list_page()
    while True:
        items += getattr(page, key)
        if not page.continuation_token:
            return items
        page = list_page(continuation_token=page.continuation_token)


def walk(base_url, organization, token):
    connection = Connection(base_url=f"{base_url}/{organization}", creds=BasicAuthentication("", token))
    older, newer = connection.clients, connection.clients_v7_1
    git, task = older.get_git_client(), newer.get_task_agent_client()
    build, permissions = newer.get_build_client(), newer.get_pipeline_permissions_client()
    checks, endpoints_of = newer.get_pipelines_checks_client(), older.get_service_endpoint_client()
    policies, graph, security = older.get_policy_client(), newer.get_graph_client(), older.get_security_client()

    who = newer.get_location_client().get_connection_data()
    me = newer.get_profile_client().get_profile("me")
    projects = project_pages(older.get_core_client())
    counts = {
        "projects": len(projects),
        "repositories": len(git.get_repositories()),
        "deletedProjects": len(newer.get_core_client().get_projects(state_filter="deleted")),
        "agentPools": len(task.get_agent_pools()),
        "extensions": len(newer.get_extension_management_client().get_installed_extensions()),
        # The client drops the token that stands in the body: it never sees a second page.
        "firstUserEntitlements": len(newer.get_member_entitlement_management_client().search_user_entitlements().members),
        "auditStreams": len(newer.get_audit_client().query_all_streams()),
        "accessControlLists": len(security.query_access_control_lists("2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87")),
        "securityNamespaces": len(security.query_security_namespaces()),
        "graphUsers": len(graph_pages(graph.list_users, "graph_users")),
        "graphGroups": len(graph_pages(graph.list_groups, "graph_groups")),
        "accounts": len(newer.get_accounts_client().get_accounts(member_id=me.id)),
    }
    identity = {"subject": who.authenticated_user.subject_descriptor, "profile": me.id, "instance": who.instance_id}

    def add(name, number):
        counts[name] = counts.get(name, 0) + number

    for project in projects:
        # By name, so that what needs percent-encoding is encoded by the client.
        name = project.name
        add("repositoriesOfProjects", len(git.get_repositories(name)))
        add("deletedRepositories", len(git.get_recycle_bin_repositories(name)))
        add("policyConfigurations", len(policies.get_policy_configurations(name)))
        add("buildDefinitions", len(build.get_definitions(name, top=ALL, include_all_properties=True)))
        assert build.get_build_general_settings(name).enforce_job_auth_scope is not None
        add("generalSettings", 1)
        endpoints = endpoints_of.get_service_endpoints(name)
        environments = task.get_environments(name, top=ALL)
        add("serviceEndpoints", len(endpoints))
        add("environments", len(environments))
        add("variableGroups", len(task.get_variable_groups(name, top=ALL)))
        add("queues", len(task.get_agent_queues(name)))
        add("authorizedResources", len(build.get_project_resources(name)))
        for endpoint in endpoints:
            found = permissions.get_pipeline_permissions_for_resource(name, "endpoint", endpoint.id)
            assert found.resource.id == endpoint.id
            add("pipelinePermissions", 1)
        asked = [Resource(type="endpoint", id=one.id) for one in endpoints]
        asked += [Resource(type="environment", id=str(one.id)) for one in environments]
        add("checkConfigurations", len(checks.query_check_configurations_on_resources(asked, name, "settings")))
    return {"counts": counts, "identity": identity}


result = walk(sys.argv[1], sys.argv[2], os.environ["AZURE_DEVOPS_EXT_PAT"])
print(json.dumps({**result, "requests": len(REQUESTS), "outside": OUTSIDE}))
