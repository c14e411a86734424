%w[web db].each do |role|
  instances(role).each { |one| server one["address"], user: ENV["DEPLOY_USER"], roles: [role], zone: one["zone"] }
end
