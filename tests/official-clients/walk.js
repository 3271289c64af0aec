// Walks everything that the simulator answers with the official Node client, as it is published, and prints what it
// counted as one line of JSON. Whatever would leave this machine is refused and named.
"use strict";

const dns = require("dns");
const http = require("http");
const https = require("https");
const net = require("net");

const outside = [];
let requests = 0;
const here = new Set(["127.0.0.1", "localhost", "::1"]);

/** Lets only loopback addresses be looked up and connected to, and counts every request. */
function guard() {
  for (const module of [http, https]) {
    const request = module.request;
    module.request = (...given) => {
      requests += 1;
      return request(...given);
    };
  }
  const lookup = dns.lookup;
  dns.lookup = (host, ...rest) => {
    if (here.has(host)) return lookup(host, ...rest);
    outside.push(host);
    return rest[rest.length - 1](new Error(`${host} is not on this machine`));
  };
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const options = Array.isArray(given[0]) ? given[0][0] : given[0];
    const host = options && typeof options === "object" ? options.host || "localhost" : given[1] || "localhost";
    if (!here.has(host)) {
      outside.push(host);
      throw new Error(`${host} is not on this machine`);
    }
    return connect.apply(this, given);
  };
}

guard();

const assert = require("assert");
const azure = require("azure-devops-node-api");

const PAGE = 3;
// More than there is: the client drops the token of the next page, so that there must be none.
const ALL = 1000;

/** Pages by $top and $skip, then by the number of projects that were fetched: both must tell the same. */
async function projectPages(core) {
  const skipped = [];
  const fetched = [];
  for (let page; (page = await core.getProjects("wellFormed", PAGE, skipped.length)).length; ) skipped.push(...page);
  for (let page; (page = await core.getProjects("wellFormed", PAGE, undefined, fetched.length)).length; ) {
    fetched.push(...page);
  }
  assert.deepStrictEqual(skipped.map((one) => one.id), fetched.map((one) => one.id));
  return fetched;
}

async function walk(baseUrl, organization, token) {
  const connection = new azure.WebApi(`${baseUrl}/${organization}`, azure.getPersonalAccessTokenHandler(token));
  const git = await connection.getGitApi();
  const task = await connection.getTaskAgentApi();
  const build = await connection.getBuildApi();
  const endpointsOf = await connection.getServiceEndpointApi();
  const policies = await connection.getPolicyApi();
  const core = await connection.getCoreApi();
  const roles = await connection.getSecurityRolesApi();
  const management = await connection.getManagementApi();
  const extensions = await connection.getExtensionManagementApi();

  const who = await connection.connect();
  const projects = await projectPages(core);
  const counts = {
    projects: projects.length,
    repositories: (await git.getRepositories()).length,
    deletedProjects: (await core.getProjects("deleted")).length,
    agentPools: (await task.getAgentPools()).length,
    extensions: (await extensions.getInstalledExtensions()).length,
    advancedSecurityEnablement: (await management.getOrgEnablementStatus(true)).reposEnablementStatus.length,
  };
  const add = (name, number) => (counts[name] = (counts[name] || 0) + number);
  for (const { id, name } of projects) {
    // By name, so that what needs percent-encoding is encoded by the client.
    add("repositoriesOfProjects", (await git.getRepositories(name)).length);
    add("deletedRepositories", (await git.getRecycleBinRepositories(name)).length);
    add("policyConfigurations", (await policies.getPolicyConfigurations(name)).length);
    const definitions = await build.getDefinitions(name, ...Array(4), ALL, ...Array(6), true);
    assert(definitions.every((definition) => definition.process));
    add("buildDefinitions", definitions.length);
    assert.notStrictEqual((await build.getBuildGeneralSettings(name)).enforceJobAuthScope, undefined);
    add("generalSettings", 1);
    add("serviceEndpoints", (await endpointsOf.getServiceEndpoints(name)).length);
    const environments = await task.getEnvironments(name, undefined, undefined, ALL);
    add("environments", environments.length);
    add("variableGroups", (await task.getVariableGroups(name, undefined, undefined, ALL)).length);
    add("secureFiles", (await task.getSecureFiles(name)).length);
    add("queues", (await task.getAgentQueues(name)).length);
    add("authorizedResources", (await build.getProjectResources(name)).length);
    for (const environment of environments) {
      const assigned = await roles.getRoleAssignments("distributedtask.environmentreferencerole", `${id}_${environment.id}`);
      add("roleAssignments", assigned.length);
    }
  }
  const { subjectDescriptor } = who.authenticatedUser;
  return { counts, identity: { subject: subjectDescriptor, instance: who.instanceId } };
}

walk(process.argv[2], process.argv[3], process.env.AZURE_DEVOPS_EXT_PAT).then(
  (result) => console.log(JSON.stringify({ ...result, requests, outside })),
  (error) => {
    console.error(error.stack, outside);
    process.exitCode = 1;
  },
);
