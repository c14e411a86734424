class Tea < ActiveRecord::Base
end
