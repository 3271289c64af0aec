"""Publishes an onboarding request with pika, as another system would: a structured CloudEvent, confirmed, mandatory."""

import json
import os
import sys

import pika

event = {
    "specversion": "1.0",
    "id": sys.argv[1],
    "source": "urn:example:portal",
    "type": "muster.connector.onboarding-requested.v1",
    "datacontenttype": "application/json",
    "data": {
        "name": "contoso",
        "subscriptionId": "11111111-2222-4333-8444-555555555555",
        "resourceGroup": "devops",
        "region": "West Europe",
        "credential": sys.argv[2],
        "autoDiscovery": "Disabled",
        "organizations": sys.argv[3:],
    },
}
connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_publish(
    exchange="muster.requests",
    routing_key=event["type"],
    body=json.dumps(event).encode(),
    properties=pika.BasicProperties(
        content_type="application/cloudevents+json", delivery_mode=2, message_id=event["id"]
    ),
    mandatory=True,
)
connection.close()
