// Calls of HTTP/1.1 without TLS, on sockets.

#pragma once

#include <netdb.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

struct Answer
{
    int status;
    std::string body;
};

// Calls http://HOST:PORT and reads the answer to its end.
inline Answer call(
    const std::string &url, const std::string &method, const std::string &path, const std::string &headers = "",
    const std::string &body = "")
{
    const std::string scheme = "http://";
    if (url.compare(0, scheme.size(), scheme) != 0)
    {
        throw std::runtime_error("the address must start with http://");
    }
    std::string host = url.substr(scheme.size());
    std::size_t colon = host.rfind(':');
    std::string port = colon == std::string::npos ? "80" : host.substr(colon + 1);
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.substr(0, colon).c_str(), port.c_str(), &hints, &found) != 0)
    {
        throw std::runtime_error("there is no host " + host);
    }
    int connection = -1;
    for (addrinfo *each = found; each && connection < 0; each = each->ai_next)
    {
        connection = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (connection >= 0 && connect(connection, each->ai_addr, each->ai_addrlen) != 0)
        {
            close(connection);
            connection = -1;
        }
    }
    freeaddrinfo(found);
    if (connection < 0)
    {
        throw std::runtime_error("no connection to " + host);
    }
    std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + headers +
                          "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t sent = 0; sent < request.size();)
    {
        ssize_t count = send(connection, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (count <= 0)
        {
            // The server may have answered already.
            break;
        }
        sent += static_cast<std::size_t>(count);
    }
    std::string answer;
    char buffer[1 << 16];
    for (ssize_t count; (count = recv(connection, buffer, sizeof(buffer), 0)) > 0;)
    {
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    close(connection);
    std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos || answer.size() < 12)
    {
        throw std::runtime_error("the answer ended early");
    }
    return { std::stoi(answer.substr(9, 3)), answer.substr(end + 4) };
}
